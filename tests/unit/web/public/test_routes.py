"""The route tables: of the public pages and of the inbox."""

import inspect
import re

from mailer.web import inbox
from mailer.web.public.routes import ROUTES


def test_route_tables_have_no_address_twice() -> None:
    addresses = [(route.method, route.path) for route in ROUTES]
    assert len(addresses) == len({*addresses})
    inbox_paths = [route.path for route in inbox.ROUTES]
    assert len(inbox_paths) == len({*inbox_paths})


def test_handlers_are_functions_of_their_module() -> None:
    for handler in [route.handler for route in (*ROUTES, *inbox.ROUTES)]:
        assert inspect.isfunction(handler)
        assert handler.__qualname__ == handler.__name__, "a closure or a method"
        assert getattr(inspect.getmodule(handler), handler.__name__) is handler


def test_handlers_take_the_parameters_of_their_path() -> None:
    for route in ROUTES:
        parameters = inspect.signature(route.handler).parameters
        path_parameters = re.findall(r"\{(\w+)\}", route.path)
        first_parameters = ["request"] if route.method == "GET" else ["request", "form", "tx"]
        required = [
            name for name, parameter in parameters.items() if parameter.default is parameter.empty
        ]
        assert required == [*first_parameters, *path_parameters], route.path


def test_only_forms_have_fields_and_only_pages_are_cached() -> None:
    for route in ROUTES:
        assert route.method == "POST" or not route.fields, route.path
        assert route.method == "GET" or not route.cache, route.path
        assert not route.cache or "{token}" not in route.path or route.path == "/v/{token}"
