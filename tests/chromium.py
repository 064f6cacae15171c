"""Chromium without a window, driven through the pipe of its DevTools protocol: no package is needed for it."""

import fcntl
import json
import os
import select
import shutil
import subprocess
import time

PROGRAM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "--mute-audio")
SECONDS = 60.0  # that an answer may take


class Browser:
    """A page of its own; `call` sends a command and gives its result, `events` are what the page told meanwhile."""

    def __init__(self, folder):
        read, self.to = os.pipe()
        self.back, write = os.pipe()

        def place():  # the protocol is spoken on descriptors 3 and 4
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (read, write)]
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)

        words = [PROGRAM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self.process = subprocess.Popen(
            words, preexec_fn=place, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read)
        os.close(write)
        self.n, self.session, self.buffer, self.events = 0, None, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        os.close(self.to)
        os.close(self.back)
        self.process.terminate()
        self.process.wait(10)

    def call(self, method, **params):
        self.n += 1
        message = {"id": self.n, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session else {}
        os.write(self.to, json.dumps(message).encode() + b"\0")
        answer = self.wait(lambda message: message.get("id") == self.n)
        assert "error" not in answer, answer
        return answer["result"]

    def wait(self, wanted):
        """The first message from now on that is wanted; the others are kept as events."""
        ends = time.monotonic() + SECONDS
        while True:
            while b"\0" not in self.buffer:
                if not select.select([self.back], [], [], max(0, ends - time.monotonic()))[0]:
                    raise TimeoutError("Chromium does not answer")
                received = os.read(self.back, 1 << 20)
                assert received, "Chromium has ended"
                self.buffer += received
            line, _, self.buffer = self.buffer.partition(b"\0")
            message = json.loads(line)
            if wanted(message):
                return message
            self.events.append(message)

    def open(self, path, width, scheme):
        """Load a file in a viewport so wide, in a "light" or "dark" scheme."""
        self.events = []
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.call("Page.navigate", url=path.as_uri())
        loaded = [event for event in self.events if event.get("method") == "Page.loadEventFired"]
        if not loaded:
            self.events.append(self.wait(lambda message: message.get("method") == "Page.loadEventFired"))

    def evaluate(self, code):
        """The value of an expression of JavaScript, waited for if it is a promise."""
        found = self.call("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def told(self, *methods):
        """What the events of these methods say."""
        return [event["params"] for event in self.events if event.get("method") in methods]
