"""Run it: EXAMPLE_KEY=... EXAMPLE_SITE=dist/site uvicorn --factory examples.fastapi_app.main:make_app

A cookie gets tokens of ten minutes, which are all that signer, data plane and sync look at: who is revoked is
out when the last one ends. In front of the internet it wants https, and a limit on tries of passwords.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import jwt
from fastapi import APIRouter, Cookie, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

import filesync_server as fs
from examples.fastapi_app.users import Users
from filesync_server.shared.jwt_auth import jwt_auth

ALL = ["read", "write", "delete"]
MONTH = 30 * 24 * 3600


class Credentials(BaseModel):
    name: str = Field(pattern=r"^[a-z0-9]{1,32}$")
    password: str = Field(min_length=8, max_length=200)


def make_app() -> FastAPI:
    data, key = Path(os.environ.get("EXAMPLE_DATA", ".data")), os.environ["EXAMPLE_KEY"]
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    store, hub = fs.EmbeddedStore(data / "objects"), fs.Hub(fs.SqliteStorage(data / "sync.sqlite"))
    app = FastAPI(lifespan=fs.parts_lifespan(on_close=[hub.close, store.close]))
    app.include_router(accounts(Users(data / "users.sqlite"), key))
    authenticate = jwt_auth(key, algorithms=["HS256"], leeway=0)
    app.mount("/api", fs.create_signer(store, authenticate=authenticate))
    app.mount(store.files_path, fs.create_data_plane(store, authenticate=authenticate))
    app.mount("/sync", fs.create_sync_backend(hub, authenticate=authenticate))
    app.mount("/app", fs.create_site(Path(__file__).parent / "page"))
    app.mount("/", fs.create_site(os.environ["EXAMPLE_SITE"]))
    return app


def accounts(users: Users, key: str) -> APIRouter:
    """Sign-up, login, and tokens that end after a while."""
    routes, seconds = APIRouter(), float(os.environ.get("EXAMPLE_TOKEN_SECONDS", "600"))

    @routes.post("/signup", status_code=204)
    def signup(new: Credentials) -> None:
        if not users.add(new.name, new.password):
            raise HTTPException(409, "somebody has this name already")

    @routes.post("/login", status_code=204)
    def login(known: Credentials, request: Request, response: Response) -> None:
        if not users.has_password(known.name, known.password):
            raise HTTPException(401, "name or password is wrong")
        claims = {"sub": known.name, "aud": "session", "exp": time.time() + MONTH}
        cookie, is_https = jwt.encode(claims, key, "HS256"), request.url.scheme == "https"
        response.set_cookie("session", cookie, MONTH, httponly=True, secure=is_https, samesite="strict")

    @routes.post("/token")
    def token(session: Annotated[str, Cookie()] = "") -> dict[str, object]:
        try:
            name = jwt.decode(session, key, ["HS256"], audience="session")["sub"]
        except jwt.PyJWTError:
            raise HTTPException(401, "log in first") from None
        if not users.is_known(name):
            raise HTTPException(401, "this user was revoked")
        stores = {"private": f"private-{name}", "shared": "shared"}
        claims = {"sub": name, "stores": dict.fromkeys(stores.values(), ALL), "exp": time.time() + seconds}
        return {"token": jwt.encode(claims, key, "HS256"), "seconds": seconds, "stores": stores}

    return routes
