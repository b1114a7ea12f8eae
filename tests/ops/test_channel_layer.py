"""The channel layer of several processes, as the settings make it."""

import asyncio

import pytest
from channels.layers import get_channel_layer
from django.conf import settings

QUIET_SECONDS = 7  # longer than the 5 s after which redis-py gives up by default


@pytest.mark.skipif(not settings.REDIS_URL, reason="needs REDIS_URL")
async def test_a_quiet_channel_is_waited_on_without_an_error():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    waiting = asyncio.create_task(layer.receive(channel))
    done, _ = await asyncio.wait([waiting], timeout=QUIET_SECONDS)
    assert not done, waiting.exception()
    await layer.send(channel, {"type": "news"})
    assert await asyncio.wait_for(waiting, 5) == {"type": "news"}
