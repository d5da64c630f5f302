"""Ways in which the answer to an order gets lost.

Each gives a fault for `DemoServer.faults`; it strikes requests that could trade and nothing else. What is named `after`
has been done by then, what is named `before` never is.
"""

from aiohttp import web

from trademon.demo import faults
from trademon.demo.faults import Fault


def _orders_only(strike: Fault, times: int | None) -> Fault:
    left = times

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal left
        if request.method == "GET" or left == 0:
            return None
        if left is not None:
            left -= 1
        return await strike(request)

    return fault


def _after(strike: Fault) -> Fault:
    """Let the order be taken, and lose what was said of it."""

    async def fault(request: web.Request) -> web.StreamResponse | None:
        await request.match_info.handler(request)
        return await strike(request)

    return fault


def reset_after(times: int | None = None) -> Fault:
    """The order is taken, then the connection is reset."""
    return _orders_only(_after(faults.reset()), times)


def reset_before(times: int | None = None) -> Fault:
    """The connection is reset and nothing was taken."""
    return _orders_only(faults.reset(), times)


def hang_after(times: int | None = None) -> Fault:
    """The order is taken, and nothing is ever said of it."""
    return _orders_only(_after(faults.hang()), times)


def cut_after(times: int | None = None) -> Fault:
    """The order is taken, and the answer ends in its middle."""
    return _orders_only(faults.cut_json(), times)


def status_after(code: int, body: str = "", times: int | None = None) -> Fault:
    """The order is taken, and the answer says that something went wrong."""
    return _orders_only(_after(faults.status(code, body=body)), times)


def status_before(code: int, body: str = "", times: int | None = None) -> Fault:
    """Nothing is taken, and the answer says that something went wrong."""
    return _orders_only(faults.status(code, body=body), times)


def html_after(times: int | None = None) -> Fault:
    """The order is taken, and a proxy's page comes back with HTTP 200."""
    return _orders_only(_after(faults.html_with_200()), times)
