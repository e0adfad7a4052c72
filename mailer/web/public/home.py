"""The home page: the sign-up form of the public lists, beside the latest edition."""

from fastapi import Request, Response

from mailer.web.public.signup import show_sign_up


def show_home(request: Request) -> Response:
    return show_sign_up(request, is_home=True)
