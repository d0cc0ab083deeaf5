"""Generators to and from a model hub, through huggingface_hub: only the files of an exported folder ever travel."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.exporting.model_folder import WEIGHTS
from ganzoo.exporting.writing import export
from ganzoo.files.typed import typed_path
from ganzoo.runs.exported import read_exported
from ganzoo.runs.folders import claimed
from ganzoo.runs.run import Run

FILES = (WEIGHTS, "model.json", "config.json", "README.md", "samples.png")
"""The files of a model folder, which are all that is fetched: a repository may hold anything else."""

NEEDED = FILES[:2]
CLIENTS = ("httpx", "httpx2", "requests")
LARGEST = 4 * 2**30
"""Bytes of all files together."""


def push(
    run: Run | str | Path,
    repository: str,
    *,
    private: bool = False,
    endpoint: str | None = None,
    raw: bool = False,
    best: bool = False,
) -> str:
    """Upload the generator of a run, with its model card, to a repository of a hub; returns its address.

    repository: "OWNER/NAME", created if it does not exist. endpoint: the hub's address, by default huggingface_hub's
    (HF_ENDPOINT). The token is the one that `hf auth login` or HF_TOKEN gave. raw, best: as in `export`. Raises
    GanzooError if the package is missing, the hub cannot be reached, or it refuses.
    """
    with _hub("push", repository, endpoint) as api, tempfile.TemporaryDirectory() as temporary:
        folder = export(run, Path(temporary) / "model", raw=raw, best=best)
        api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=list(FILES), commit_message="Upload with ganzoo"
        )
        return f"{api.endpoint}/{repository}"


def pull(
    repository: str, to: str | Path | None = None, *, revision: str | None = None, endpoint: str | None = None
) -> Path:
    """Fetch a generator from a repository of a hub into a new folder; returns its weights, for `load_generator`.

    to: by default the repository's name. revision: a branch, tag or commit. It is a stranger's: only weights as
    safetensors, their description, the card and a picture are fetched, nothing is run, and the weights have to match
    their description. Raises GanzooError if the package is missing, the hub cannot be reached, there is no such
    generator, or it is damaged.
    """
    target = typed_path(to if to is not None else repository.rpartition("/")[2])
    with claimed(target) as folder:
        with _hub("pull", repository, endpoint) as api:
            info = api.model_info(repository, revision=revision, files_metadata=True)
            sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
            missing = [name for name in NEEDED if name not in sizes]
            if missing:
                raise GanzooError(f"{repository} holds no generator of ganzoo: it has no {' and no '.join(missing)}.")
            wanted = [name for name in FILES if name in sizes]
            if sum(sizes[name] for name in wanted) > LARGEST:
                raise GanzooError(f"the files of {repository} are larger than {LARGEST >> 30} GiB together.")
            with tempfile.TemporaryDirectory() as cache:
                for name in wanted:
                    # The commit that was looked at, not what has been pushed since.
                    fetched = api.hf_hub_download(repository, name, revision=info.sha or revision, cache_dir=cache)
                    shutil.copyfile(os.path.realpath(fetched), folder / name)
        read_exported(folder / WEIGHTS)
    return target / WEIGHTS


@contextmanager
def _hub(doing: str, repository: str, endpoint: str | None) -> Iterator[Any]:
    """huggingface_hub's API; whatever fails in it is one line."""
    try:
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError
        from huggingface_hub.utils import disable_progress_bars
    except ModuleNotFoundError as error:
        raise GanzooError(f"ganzoo {doing} needs a package: pip install 'ganzoo[hub]'.") from error
    disable_progress_bars()
    name = printable(repository)
    try:
        yield HfApi(endpoint=endpoint, library_name="ganzoo")
    except LocalTokenNotFoundError as error:
        raise GanzooError("the hub wants to know who you are: type `hf auth login`, or set HF_TOKEN.") from error
    except HFValidationError as error:
        raise GanzooError(f"{name!r} is no repository: write OWNER/NAME.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no"
        advice = {401: ": type `hf auth login`, or set HF_TOKEN", 403: ": your token may not do that"}
        missing = "there is no such repository, or it is private" if status in (401, 404) and doing == "pull" else ""
        raise GanzooError(
            f"cannot {doing} {name}: {missing or f'the hub answered {status}{advice.get(int(status), str())}'}."
        ) from error
    except GanzooError:
        raise
    except Exception as error:
        # Which library makes the connection depends on the version of huggingface_hub.
        if not isinstance(error, OSError) and type(error).__module__.partition(".")[0] not in CLIENTS:
            raise
        raise GanzooError(f"cannot {doing} {name}: the hub cannot be reached ({printable(str(error))}).") from error
