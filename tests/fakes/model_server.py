"""A model server on this machine that behaves badly, for tests: Gemini's and OpenAI's protocols, quotas, a ledger."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from aiohttp import web
from model_server_batches import JOB_ENDS
from model_server_behaviours import BEHAVIOURS, GOOD, Plans, parse
from model_server_desk import Desk
from model_server_http import KINDS
from model_server_ledger import KINDS_ASKED, Entry, Window, worst_window
from model_server_quotas import Quota
from model_server_texts import default_answer, image_name, picture

__all__ = [
    "BEHAVIOURS",
    "GOOD",
    "Entry",
    "ModelServer",
    "Quota",
    "Window",
    "default_answer",
    "image_name",
    "picture",
]


class ModelServer:
    """A server on 127.0.0.1, in a thread of this process, that lives as long as its `with` block.

    with ModelServer(quotas={"key-1": Quota(requests_per_minute=60)}, minute=1.0) as server:
        ... server.url ...                       # http://127.0.0.1:PORT, also the endpoint for Google's two SDKs;
                                                 # server.url + "/v1" is the base URL for OpenAI's
        assert server.answered()["image00"] == 1

    It speaks generateContent, chat completions, resumable uploads, and Gemini's batch jobs. An image's name, here, is
    what follows the four bytes of a fake picture (`picture("image00")` is b"\\xff\\xd8\\xff\\xe0image00", and
    `image_name` the way back); real pictures are named by a digest. Everything below is a keyword of the constructor
    and an attribute that may be set at any time; hold `server.lock` to change several things at once, or to change a
    dictionary or list in place.

    Keys and quotas
        quotas: key → Quota(requests_per_minute, tokens_per_minute, requests_per_day, burst). None takes any key,
            without limit. Requests that were let in within the last minute are counted; over the quota it is 429. A
            key that is not there is refused: 400 with API_KEY_INVALID as Google has it, 401 as OpenAI has it. The
            refusal quotes the key, as real ones do. Jobs and files ask for a key but count for no quota.
        bad_keys: key → the status that it is refused with instead (401, 403).
        minute, day: the seconds (real ones) that count as a minute, and as a day (None: 1440 such minutes).
        tell_delay: whether a 429 says when to come back, in real seconds, just so that the request will be let in.
        retry_after: whether it says so in the header Retry-After, and not in Google's RetryInfo. OpenAI's 429 has
            headers in any case: retry-after, retry-after-ms, x-ratelimit-….
        tell_quota: whether a 429 names the quota and its value (QuotaFailure; OpenAI: x-ratelimit-… headers, which
            then come with good replies, too).
        models: the models that there are; None for any. Another is 404.

    Behaviour towards an image
        plans: image name → behaviours, one for each request about it that key and quota let in, then normal ones; a
            string instead of a list holds for ever. "*" is the plan of images that have none (left): "*": "503" is a
            server that is down.
        chaos: behaviour → probability, for requests without a plan, drawn from `seed`, the image's name and the number
            of its try, and so the same in every run.
        latency: seconds before a reply, or (low, high), drawn likewise.
        pairs: how many pairs a good reply holds (`default_answer`). answer: image name → its pairs, in its place.

        Behaviours: ok; "slow 0.5" (ok, that many seconds later); thinking (ok, in several parts with a thought);
        fenced, csv, separators, cut_json (MAX_TOKENS): pairs in another form; prose, empty (no candidates), safety,
        recitation (finish reasons without content), blocked (promptFeedback; OpenAI: content_filter for all three);
        html (200 and a login page), not_json (200 and half of the JSON), list (200 and []); refused (400 about the
        image), too_large (413), model_missing (404); 401, 403, 408, 500, 502, 503, 504, "503 2" (Retry-After: 2);
        429 (bare), "429 0.5" (with that delay); reset (RST before any reply), reset_midway (half of the reply, then
        closed), hang (no answer until the client goes).

    Batch jobs
        batch_polls: at which look at a job (GET of it; listing does not count) it is done; halfway it is RUNNING.
            Only then its images are answered, each by plans and chaos: errors become error lines, html, list and
            not_json a broken line, reset and hang no line at all.
        job_ends: how the next jobs end, first come, first served: SUCCEEDED (the default), FAILED, EXPIRED, CANCELLED.
        service_plans: as plans, for upload, files, file, file_delete, download, create, jobs, job, cancel,
            job_delete, models, model: with an error, html, reset or hang nothing is done; with reset_midway it is
            done but the client does not hear of it. A reset_midway of create is a job the client does not know of.
        A file or job belongs to the key that made it; for another key it is not there.

    The ledger
        ledger: a list of Entry, one a request in the order in which they came, also those under way (done is None),
            and one for each line of a batch job when that is done.
        answered(): image → number of whole replies with pairs (behaviours in GOOD) that were written to the client.
        requests(by): image, or another field of Entry → number of requests about images.
        asked(): the entries about images. in_flight, max_in_flight: requests at once, of any kind.
        worst_window(key): the most requests accepted, requests sent, and tokens, in any window of a minute.
        keep_bodies: whether Entry.body is kept.
        wait_until(condition): waits until condition(server) holds.

    port: 0 for any; the port of an earlier server starts it again there.
    """

    def __init__(
        self,
        *,
        quotas: dict[str, Quota] | None = None,
        bad_keys: dict[str, int] | None = None,
        minute: float = 60.0,
        day: float | None = None,
        tell_delay: bool = True,
        retry_after: bool = False,
        tell_quota: bool = True,
        models: list[str] | None = None,
        plans: Plans | None = None,
        chaos: dict[str, float] | None = None,
        seed: int = 0,
        latency: float | tuple[float, float] = 0.0,
        pairs: int = 15,
        answer: Callable[[str], list[dict]] | None = None,
        batch_polls: int = 2,
        job_ends: list[str] | None = None,
        service_plans: Plans | None = None,
        keep_bodies: bool = False,
        port: int = 0,
    ) -> None:
        self.lock = threading.RLock()
        self.quotas, self.bad_keys, self.minute, self.day = quotas, bad_keys or {}, minute, day
        self.tell_delay, self.retry_after, self.tell_quota = tell_delay, retry_after, tell_quota
        self.models, self.plans, self.chaos, self.seed = models, plans or {}, chaos or {}, seed
        self.latency, self.pairs, self.answer = latency, pairs, answer
        self.batch_polls, self.job_ends = batch_polls, job_ends or []
        self.service_plans, self.keep_bodies, self.port = service_plans or {}, keep_bodies, port
        self.ledger: list[Entry] = []
        self.in_flight = self.max_in_flight = 0
        self._desk = Desk(self)
        for behaviour in self.chaos:
            parse(behaviour)
        for plan in [*self.plans.values(), *self.service_plans.values()]:
            for behaviour in plan if isinstance(plan, list) else [plan]:
                parse(behaviour)
        if unknown := {*self.service_plans} - {*KINDS} | {*self.job_ends} - {*JOB_ENDS}:
            raise ValueError(f"the fake model server knows no {', '.join(sorted(unknown))}")

    def __enter__(self) -> Self:
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="model server", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def answered(self) -> Counter[str]:
        """Return the number of whole replies with pairs that were written about each image."""
        good = (entry for entry in self.asked() if entry.answered and entry.behaviour.split()[0] in GOOD)
        return Counter(entry.image for entry in good)

    def requests(self, by: str = "image") -> Counter:
        """Return the number of requests about images, by image or by another field of Entry."""
        return Counter(getattr(entry, by) for entry in self.asked())

    def asked(self) -> list[Entry]:
        """Return the entries that are about an image."""
        with self.lock:
            return [entry for entry in self.ledger if entry.kind in KINDS_ASKED]

    def worst_window(self, key: str) -> Window:
        """Return the most requests accepted, requests sent and tokens with a key in any window of a minute."""
        mine = [entry for entry in self.asked() if entry.key == key and entry.kind != "batch"]
        return worst_window(mine, self.minute)

    def wait_until(self, condition: Callable[["ModelServer"], bool], seconds: float = 120.0) -> None:
        """Wait until condition(server) holds; raises TimeoutError after so many seconds."""
        end = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > end:
                raise TimeoutError(f"what was waited for did not happen in {seconds} seconds")
            time.sleep(0.002)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except OSError as error:
            self._failure = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        # A client that goes away ends what is done for it, so that a hang does not outlast its client.
        server = web.Server(self._desk.handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.01)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port, backlog=4096, reuse_address=True).start()
        self.port = runner.addresses[0][1]
        self._started.set()
        await self._stop.wait()
        await runner.cleanup()
