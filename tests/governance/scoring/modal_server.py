"""A loopback gRPC server that speaks as much of Modal's protocol as looking up and calling one function takes."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import cbor2
import grpclib
import grpclib.server
from google.protobuf.message import Message
from modal_proto import api_grpc, api_pb2

TOKEN = ("ak-right", "as-right")
CBOR = api_pb2.DATA_FORMAT_CBOR
PICKLE = api_pb2.DATA_FORMAT_PICKLE


def succeeded(data: bytes, data_format: int = CBOR) -> api_pb2.FunctionGetOutputsItem:
    return api_pb2.FunctionGetOutputsItem(
        result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS, data=data),
        data_format=data_format, idx=0,
    )


def failed(status: int, exception: str = "", data: bytes = b"", data_format: int = CBOR) -> Message:
    return api_pb2.FunctionGetOutputsItem(
        result=api_pb2.GenericResult(status=status, exception=exception, data=data), data_format=data_format, idx=0
    )


async def _unimplemented(self: Any, stream: grpclib.server.Stream) -> None:
    raise grpclib.GRPCError(grpclib.Status.UNIMPLEMENTED, "not part of the loopback server")


_Base = type(
    "_Base", (api_grpc.ModalClientBase,), dict.fromkeys(api_grpc.ModalClientBase.__abstractmethods__, _unimplemented)
)


class ModalServer(_Base):
    """Started on a free port, in a thread with a loop of its own. Set `output` to what the function answers."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = self._run(self._start())
        self.reset()

    def reset(self) -> None:
        self.functions = {("some-app", "score")}
        self.classes = {("some-app", "Scorer")}
        self.output: Callable[[], Message] = lambda: succeeded(b"")
        self.empty_polls = 0
        self.silent_at = ""
        self.fails_with: grpclib.Status | None = None
        self.formats = [PICKLE, CBOR]
        self.payloads: list[Any] = []
        self.seen: list[str] = []
        self.environments: list[str] = []
        self.asked = threading.Event()
        self.hung_up = threading.Event()

    def answer(self, value: Any) -> None:
        self.output = lambda: succeeded(cbor2.dumps(value))

    def close(self) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _start(self) -> int:
        self._server = grpclib.server.Server([self])
        await self._server.start("127.0.0.1", 0)
        return self._server._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        # No wait_closed(): from Python 3.12 on it waits for the client to hang up, which keeps its connection.
        await asyncio.sleep(0)

    async def _receive(self, stream: grpclib.server.Stream, name: str) -> Message:
        self.seen.append(name)
        request = await stream.recv_message()
        token = (stream.metadata.get("x-modal-token-id"), stream.metadata.get("x-modal-token-secret"))
        if token != TOKEN:
            raise grpclib.GRPCError(grpclib.Status.UNAUTHENTICATED, f"Token {token[1]} is invalid")
        if self.silent_at == name:
            self.asked.set()
            try:
                await asyncio.Event().wait()  # ends when the client cancels or the server closes
            finally:
                self.hung_up.set()
        if self.fails_with:
            raise grpclib.GRPCError(self.fails_with, "as told")
        return request

    async def FunctionGet(self, stream: grpclib.server.Stream) -> None:
        request = await self._receive(stream, "FunctionGet")
        self.environments.append(request.environment_name)
        name = request.object_tag.removesuffix(".*")
        if (request.app_name, name) not in self.functions | self.classes:
            raise grpclib.GRPCError(grpclib.Status.NOT_FOUND, "no such function")
        metadata = self._metadata(name)
        if (request.app_name, name) in self.classes:
            metadata.method_handle_metadata["assess"].CopyFrom(self._metadata("assess", method="assess"))
        function = api_pb2.FunctionData(
            ranked_functions=[api_pb2.FunctionData.RankedFunction(rank=0, function=api_pb2.Function())]
        )
        await stream.send_message(
            api_pb2.FunctionGetResponse(function_id="fu-1", handle_metadata=metadata, function=function)
        )

    def _metadata(self, name: str, *, method: str = "") -> api_pb2.FunctionHandleMetadata:
        return api_pb2.FunctionHandleMetadata(
            function_name=name, function_type=api_pb2.Function.FUNCTION_TYPE_FUNCTION,
            supported_input_formats=self.formats, use_method_name=method,
        )

    async def ClassGet(self, stream: grpclib.server.Stream) -> None:
        request = await self._receive(stream, "ClassGet")
        if (request.app_name, request.object_tag) not in self.classes:
            raise grpclib.GRPCError(grpclib.Status.NOT_FOUND, "no such class")
        await stream.send_message(api_pb2.ClassGetResponse(class_id="cs-1"))

    async def FunctionMap(self, stream: grpclib.server.Stream) -> None:
        request = await self._receive(stream, "FunctionMap")
        sent = request.pipelined_inputs[0].input
        self.payloads.append((sent.data_format, cbor2.loads(sent.args) if sent.data_format == CBOR else sent.args,
                              sent.method_name))
        await stream.send_message(api_pb2.FunctionMapResponse(
            function_call_id="fc-1",
            pipelined_inputs=[api_pb2.FunctionPutInputsResponseItem(idx=0, input_id="in-1", input_jwt="jwt")],
        ))

    async def FunctionGetOutputs(self, stream: grpclib.server.Stream) -> None:
        await self._receive(stream, "FunctionGetOutputs")
        if self.empty_polls > 0:
            self.empty_polls -= 1
            await stream.send_message(api_pb2.FunctionGetOutputsResponse(num_unfinished_inputs=1))
            return
        await stream.send_message(api_pb2.FunctionGetOutputsResponse(outputs=[self.output()]))
