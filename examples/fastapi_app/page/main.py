"""The page: log in, then the files of the private store or of the shared one."""

import json
import time

import filesync_web as fs
from pyscript import fetch, web, when, window


class Session:
    token, stores, ends = "", {}, 0.0

    async def __call__(self):
        if time.time() > self.ends:
            answer = await fetch("/token", method="POST")
            if answer.status == 401:
                self.token, self.ends = "", 0.0
                say("logged out")
            elif answer.ok:
                found = await answer.json()
                self.token, self.stores = found["token"], found["stores"]
                self.ends = time.time() + 0.8 * found["seconds"]
        return self.token


def say(text):
    web.page["state"].textContent = text


@when("click", "#signup, #login")
async def act(event):
    body = json.dumps({name: web.page[name].value for name in ("name", "password")})
    options = {"method": "POST", "headers": {"Content-Type": "application/json"}, "body": body}
    for path in ["signup", "login"] if event.target.id == "signup" else ["login"]:
        answer = await fetch(f"/{path}", **options)
        if not answer.ok:
            say(f"{path} was refused: {await answer.text()}")
            return
    window.location.reload()


async def show_files(session):
    asked = "private" if "private" in window.location.search else "shared"
    kit = fs.create_file_sync_schema()
    makers = kit.create_materializers(kit.tables)
    schema = fs.make_schema(tables=kit.tables, events=kit.events, materializers=makers)
    sync = fs.SyncOptions("/sync", auth_token=session)  # asked for again when the token has ended
    store = await fs.open_store(schema, store_id=session.stores[asked], sync=sync)
    await fs.init_file_sync(store, remote=fs.SignerConfig("/api", auth_token=session))
    live = kit.tables.files.where(deleted_at=None).order_by("created_at")

    def show(records):
        states = ["uploaded" if file.is_uploaded else "saved" for file in records]
        lines = [f"{fs.get_file_metadata(file).name}: {state}" for file, state in zip(records, states)]
        web.page["files"].textContent = ", ".join(lines) or "nothing yet"

    @when("change", "#chooser")
    async def save(event):
        for js_file in list(event.target.files):
            await fs.save_file(js_file)

    store.subscribe(live, show)
    show(store.query(live))
    web.page["chooser"].disabled = False
    say(asked)


session = Session()
if await session():
    await show_files(session)
else:
    say("log in")
