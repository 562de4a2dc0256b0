"""What may go wrong, and who says so.

Four things are kept apart throughout the house:

* **A bad sequence is data, not an error.** A record that a rule drops, a problem that leaks a hidden term, a
  program that fails: each becomes an outcome with a reason code (`codeseq_ray.records.Reason`) and is stored.
  No exception is raised for it anywhere.
* **Infrastructure trouble is not a verdict.** A model server that is down, a sandbox worker that was killed, a
  store that answers 503: retried where it happens, and raised as `InfrastructureError` when retries are used up.
  The loop of one sequence turns that into the outcome `failed`, which a later run may try again.
* **A run that has to pause is neither.** A cap that is reached, model servers that stay down: `RunStoppedError`
  ends the run cleanly, what is unfinished gets no outcome, and the same command goes on from there.
* **A run that cannot go on says what, where, and what to do.** `UsageError` and its kin end the job with exit
  code 2 and one message of their own; they are raised before any work starts wherever that is possible.

Anything else that escapes is a bug of ours and keeps its traceback.
"""

from __future__ import annotations

from typing import Any


class CodeseqError(Exception):
    """Base of every error raised on purpose. The message is meant for the user as it stands."""


class UsageError(CodeseqError):
    """The request cannot be carried out as given: settings, paths, inputs. Says what to change."""


class InputError(UsageError):
    """An input file or folder cannot be read at all. (A single bad line is a diagnostic instead.)"""


class RunMismatchError(UsageError):
    """A run id already stands for other settings or another input than those given now."""


class RunInUseError(UsageError):
    """Another driver works on this run."""


class IncompleteRunError(CodeseqError):
    """A full release was asked for while selected sequences still lack an outcome."""


class InfrastructureError(CodeseqError):
    """Something around the work failed (endpoint, sandbox, store); the work itself was not judged."""

    calls: tuple[Any, ...] = ()
    """Calls (`records.Call`) that were answered, and paid for, before the trouble came."""


class TrainingEndedError(InfrastructureError):
    """A training that went on would cost as much and learn nothing; another try would come to the same."""


class EndpointRefusedError(UsageError):
    """A model endpoint answers that it will never serve this request (401, 404): the run has to stop."""


class SandboxUnavailableError(UsageError):
    """This machine lacks a wall that untrusted programs must run behind. Names the wall and the way out."""


class RunStoppedError(CodeseqError):
    """Nothing is wrong, but the run has to end here for now; the same command goes on later. Never an outcome."""


class CapReachedError(RunStoppedError):
    """A cap that the user set on tokens, requests or time is reached."""


class RunEndedError(RunStoppedError):
    """A signal asked the run to end, or another driver has taken it over because this one was silent."""


class EndpointsDownError(RunStoppedError):
    """No server of a role has been up for longer than the user is willing to wait."""


class StoreError(InfrastructureError):
    """An object could not be read or written after all retries."""

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient
        """Waiting may cure it: no answer, a busy server, a reply that broke off. Not: no permission, no space."""
