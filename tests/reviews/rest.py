"""What every refusal of REST looks like."""

from typing import Any

from django.http import HttpResponse


def error_of(response: HttpResponse, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/json"
    (error,) = response.json().values()
    assert {"code", "message"} <= set(error) <= {"code", "message", "field"}
    return error
