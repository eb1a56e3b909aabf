#!/usr/bin/env python3
"""A worker in Python for a service of its own, `echo`: a websocket at /ws/echo and HTTP at /echo.

Needs redis-py (pip install redis).  Usage: echo_worker.py redis://127.0.0.1:6379
"""
import json, signal, sys, time, uuid
import redis

NAME = "echo-" + uuid.uuid4().hex[:12]
INBOX = "worker:" + NAME


def answer(event):
    if event["kind"] == "open":
        return {"effects": [{"send": {"hello": event["peer"]}}]}
    if event["kind"] == "message":
        effect = {"send": {"echo": event["body"]}}
        if "id" in event["body"]:
            effect["id"] = event["body"]["id"]
        return {"effects": [effect]}
    if event["kind"] == "http":  # the body is text, or a claim for what is large or binary: either goes back as it came
        body = {name: value for name, value in event["http"].items() if name in ("body", "claim")}
        kind = event["http"]["headers"].get("content-type", "text/plain")
        return {"http": {"status": 200, "headers": {"content-type": kind}, **body}}
    return {"effects": []}  # close, gap, and kinds that are still to be invented


def announce(store, draining):
    services = {"echo": {"paths": ["/echo"]}}
    store.publish("workers", json.dumps({"worker": NAME, "services": services, "draining": draining}))


def main(url):
    store = redis.Redis.from_url(url, decode_responses=True)
    inbox = store.pubsub()
    inbox.subscribe(INBOX)
    told_to_leave = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_leave.append(True))
    announce_at, leaving = float("inf"), False  # first when Redis has confirmed the subscription
    while True:
        try:
            if told_to_leave and not leaving:
                leaving = True
                announce(store, draining=True)
                inbox.unsubscribe(INBOX)
            if not leaving and time.monotonic() >= announce_at:
                announce(store, draining=False)
                announce_at = time.monotonic() + 1
            got = inbox.get_message(timeout=0.1)
            if got and got["type"] == "subscribe":
                announce_at = 0  # also after Redis was away: redis-py subscribes again by itself
            elif got and got["type"] == "unsubscribe":
                return  # all that was delivered before this has been answered
            elif got:
                for line in filter(None, got["data"].split("\n")):
                    event = json.loads(line)
                    store.publish("web:" + event["node"], json.dumps({"seq": event["seq"], **answer(event)}))
        except redis.ConnectionError as error:
            if leaving:
                return
            print("no Redis:", error, file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "redis://127.0.0.1:6379")
