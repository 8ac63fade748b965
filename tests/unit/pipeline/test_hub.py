import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from pipeline.errors import PipelineError
from pipeline.hub import push
from tests.hub import TOKEN, Hub, running

# huggingface_hub's own use of httpx2
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

NAME = "me/phones"
FILES = {
    "README.md": b"---\nlicense: mit\n---\n# Phones\n",
    "model.safetensors": bytes(range(256)) * 64,
    "model/phon.json": b"{}",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with running() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {**FILES, "not ours.txt": b"stays here"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def pushed(folder: Path, name: str = NAME, **how: bool) -> str:
    return push(folder, [*FILES], name, wait=0.0, kind="space" if how.pop("space", False) else "model", **how)


def test_every_byte_arrives_in_one_commit_and_nothing_else(hub: Hub, folder: Path) -> None:
    assert pushed(folder) == f"{hub.url}/{NAME}"
    repo = hub.repos[f"models/{NAME}"]
    assert (repo.files, repo.commits, repo.visibility) == (FILES, 1, "public")


def test_pushing_again_uploads_nothing(hub: Hub, folder: Path) -> None:
    pushed(folder)
    pushed(folder)
    assert hub.repos[f"models/{NAME}"].commits == 1
    assert sum(line.startswith("PUT") for line in hub.asked) == 1


def test_a_space_is_made_as_one(hub: Hub, folder: Path) -> None:
    assert pushed(folder, "phones", space=True) == f"{hub.url}/spaces/{NAME}"
    assert hub.repos[f"spaces/{NAME}"].files == FILES


def test_private_means_private_or_nothing(hub: Hub, folder: Path) -> None:
    pushed(folder, "me/mine", private=True)
    assert hub.repos["models/me/mine"].visibility == "private"
    pushed(folder)
    (folder / "README.md").write_text("secret")
    with pytest.raises(PipelineError, match=f"{NAME} is there already, and public"):
        pushed(folder, private=True)
    assert hub.repos[f"models/{NAME}"].files == FILES


@pytest.mark.parametrize("end", ["/create", "/preupload/main", "/commit/main"])
def test_what_passes_is_tried_again(hub: Hub, folder: Path, end: str) -> None:
    hub.instead[end] = [503]
    pushed(folder)
    assert hub.repos[f"models/{NAME}"].files == FILES


@pytest.mark.parametrize(
    ("end", "status", "times", "said"),
    [
        ("/create", 401, 1, "the Hub does not know the token"),
        ("/create", 402, 1, "the Hub asks for payment"),
        ("/commit/main", 403, 1, "the token may not do this"),
        ("/batch", 403, 1, "the token may not do this"),
        ("/preupload/main", 404, 1, "no such user, organisation or repository"),
        ("/commit/main", 503, 4, "the Hub cannot do this now"),
    ],
)
def test_a_refusal_is_one_line(hub: Hub, folder: Path, end: str, status: int, times: int, said: str) -> None:
    hub.instead[end] = [status] * times
    with pytest.raises(PipelineError, match=said) as e:
        pushed(folder)
    assert f"({status}" in str(e.value) and e.value.hint
    assert not hub.instead[end]


def test_without_a_token_nothing_is_asked(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(PipelineError, match="no token"):
        pushed(folder)
    assert hub.asked == []


def test_without_a_network_it_says_so(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(PipelineError, match="the Hub cannot be reached"):
            pushed(folder)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(PipelineError, match="HF_HUB_OFFLINE is set"):
        pushed(folder)


@pytest.mark.parametrize("name", ["", "a/b/c", "../x", "me/a b", "me/x--y"])
def test_a_name_that_cannot_be_one_is_refused(hub: Hub, folder: Path, name: str) -> None:
    with pytest.raises(PipelineError):
        pushed(folder, name)
    assert hub.asked == []
