import gzip
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from containers import CONTAINERS, PACKERS, make, make_folder, tar_bytes, zip_bytes
from transfer_gain.data.sources.archives import Files
from transfer_gain.data.sources.base import SourceError
from transfer_gain.data.sources.limits import MAX_DEPTH

TREE = {"b/x.png": b"bx" * 400, "a/y.png": b"", "a/c/z.PNG": bytes(range(256)), "note.txt": b"hi"}


def contents(files: Files) -> dict[str, bytes]:
    # Backwards, as a sampler may read them.
    return {path: files.read(path) for path in reversed(files.paths)}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_every_container_gives_the_same_files(kind, tmp_path):
    files = Files(make(kind, tmp_path / "data", TREE))
    assert contents(files) == TREE
    assert files.paths == tuple(sorted(TREE))
    assert files.folders == {"a", "a/c", "b"}


names = st.text("abXY01 ._-é", min_size=1, max_size=8).filter(lambda name: name[0] != ".")
trees = st.dictionaries(
    st.tuples(names.map(lambda name: f"d-{name}"), names.map(lambda name: f"f-{name}")),
    st.binary(max_size=2000),
    max_size=8,
).map(lambda tree: {"/".join(parts): content for parts, content in tree.items()})


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(tree=trees)
def test_what_is_packed_is_what_is_read(tree):
    for kind in CONTAINERS:
        with tempfile.TemporaryDirectory() as folder:
            assert contents(Files(make(kind, Path(folder) / "data", tree))) == tree, kind


@pytest.mark.parametrize("kind", CONTAINERS)
def test_clutter_of_operating_systems_is_passed_over(kind, tmp_path):
    clutter = [
        "__MACOSX/b/._x.png",
        "__MACOSX/._inner.zip",
        "b/._x.png",
        "b/Thumbs.db",
        ".DS_Store",
        "b/desktop.ini",
        ".hidden/x.png",
    ]
    files = Files(make(kind, tmp_path / "data", TREE | dict.fromkeys(clutter, b"clutter")))
    assert files.paths == tuple(sorted(TREE))
    assert files.folders == {"a", "a/c", "b"}


@pytest.mark.parametrize("inner", [zip_bytes, tar_bytes, lambda tree: tar_bytes(tree, "gz")])
@pytest.mark.parametrize("kind", PACKERS)
def test_archives_within_an_archive_are_entered(kind, inner, tmp_path):
    deep = zip_bytes({"deep.zip": inner(TREE)}) if inner is zip_bytes else inner(TREE)
    suffix = {b"PK": "zip", b"\x1f\x8b": "tar.gz"}.get(deep[:2], "tar")
    path = make(kind, tmp_path / "data", {f"top/in.{suffix}": deep, "top/x.png": b"x"})
    below = f"top/in.{suffix}/" + ("deep.zip/" if inner is zip_bytes else "")
    expected = {f"{below}{name}": content for name, content in TREE.items()}
    assert contents(Files(path)) == expected | {"top/x.png": b"x"}


def test_archives_in_a_folder_are_left_alone(tmp_path):
    # Beside the unpacked files, they would add every image twice.
    folder = make_folder(tmp_path / "data", {"b/x.png": b"bx", "data.zip": zip_bytes(TREE)})
    assert Files(folder).paths == ("b/x.png", "data.zip")


def test_too_many_archives_inside_each_other_are_refused(tmp_path):
    content = zip_bytes(TREE)
    for _ in range(MAX_DEPTH):
        content = zip_bytes({"again.zip": content})
    (tmp_path / "nest.zip").write_bytes(content)
    with pytest.raises(SourceError, match=rf"nest\.zip: more than {MAX_DEPTH} archives inside"):
        Files(tmp_path / "nest.zip")


@pytest.mark.parametrize("kind", PACKERS)
def test_no_name_in_an_archive_reaches_the_disk(kind, tmp_path):
    evil = dict.fromkeys(["../up.png", "a/../../up.png", "/top.png", r"..\up.png", r"a\w.png"], b"")
    (tmp_path / "in").mkdir()
    path = make(kind, tmp_path / "in" / "evil", evil)
    before = set(tmp_path.rglob("*"))
    files = Files(path)
    assert files.paths == ("a/w.png", "top.png")
    assert contents(files) == dict.fromkeys(files.paths, b"")
    assert set(tmp_path.rglob("*")) == before


def folder_with_links(path: Path) -> Path:
    make_folder(path, {"secret": b"s", "d/x.png": b"x"})
    (path / "link.png").symlink_to(path / "secret")
    (path / "folder").symlink_to(path / "d")
    return path


def zip_with_links(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("secret", b"s")
        archive.writestr("d/x.png", b"x")
        for name, target in {"link.png": "secret", "folder": "d"}.items():
            link = zipfile.ZipInfo(name)
            link.external_attr = 0o120777 << 16
            archive.writestr(link, target)
    return path


def tar_with_links(path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        archive.add(folder_with_links(path.with_name("source")), ".")
        pipe = tarfile.TarInfo("pipe")
        pipe.type = tarfile.FIFOTYPE
        archive.addfile(pipe)
    return path


@pytest.mark.parametrize("with_links", [zip_with_links, tar_with_links])
def test_links_in_an_archive_are_listed_but_not_followed(with_links, tmp_path):
    files = Files(with_links(tmp_path / "data"))
    assert contents(files) == {"d/x.png": b"x", "secret": b"s"}
    assert sorted(files.links) == ["folder", "link.png"]
    assert files.folders == {"d"}


def test_hard_links_in_a_tar_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "data.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("x.png"))
        link = tarfile.TarInfo("again.png")
        link.type, link.linkname = tarfile.LNKTYPE, "/etc/hostname"
        archive.addfile(link)
    files = Files(tmp_path / "data.tar")
    assert (files.paths, files.links) == (
        ("x.png",),
        {"again.png": "a link; put the file itself here"},
    )


ZEROS = {"zeros.png": bytes(3_000_000)}


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("nested", [False, True])
def test_an_archive_bomb_is_refused(kind, nested, tmp_path):
    path = make(kind, tmp_path / "bomb", ZEROS)
    if nested:
        path = make("zip", tmp_path / "outer", {path.name: path.read_bytes()})
    assert path.stat().st_size < 10_000
    with pytest.raises(SourceError, match=rf"{path.name}.* more than the limit of 2,999,999 bytes"):
        Files(path, max_total=2_999_999)
    assert Files(path, max_total=3_100_000).paths


def test_unpacking_stops_at_the_limit_before_anything_is_listed(tmp_path):
    (tmp_path / "zeros.tar.gz").write_bytes(gzip.compress(bytes(3_000_000)))
    with pytest.raises(SourceError, match=r"zeros\.tar\.gz: unpacks to more than the limit"):
        Files(tmp_path / "zeros.tar.gz", max_total=2_999_999)


def test_many_small_files_over_the_limit_together_are_refused(tmp_path):
    path = make("zip", tmp_path / "many", {f"{i}.png": bytes(1000) for i in range(11)})
    assert len(Files(path, max_total=11_000).paths) == 11
    with pytest.raises(SourceError, match=r"many\.zip: unpacks to more than .* 10,999 bytes"):
        Files(path, max_total=10_999)


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_file_over_the_limit_is_not_read(kind, tmp_path):
    path = make(kind, tmp_path / "data", ZEROS | {"small.png": b"small"})
    files = Files(path, max_file=2_999_999)
    assert files.read("small.png") == b"small"
    with pytest.raises(SourceError, match=r"data.*/zeros\.png: 3,000,000 bytes, .* 2,999,999"):
        files.read("zeros.png")


def test_a_tar_that_ends_in_a_zip_is_a_tar(tmp_path):
    tree = {"x.png": b"x", "last.zip": zip_bytes({"y.png": b"y"})}
    path = make("tar", tmp_path / "data", tree)
    assert contents(Files(path)) == {"x.png": b"x", "last.zip/y.png": b"y"}


def test_a_sparse_file_in_a_tar_is_told_how_to_pack_it(tmp_path):
    member = tarfile.TarInfo("x.png")
    member.type = tarfile.GNUTYPE_SPARSE
    with tarfile.open(tmp_path / "data.tar", "w", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(member)
    with pytest.raises(SourceError, match=r"data\.tar: a sparse file; pack it without --sparse"):
        Files(tmp_path / "data.tar")


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"nowhere\.zip: no such file or folder"):
        Files(tmp_path / "nowhere.zip")


def negative_size() -> bytes:
    content = bytearray(tar_bytes({"x.png": b"", "y.png": b""}))
    header = tarfile.TarInfo("y.png")
    header.size = -512
    content[512:1024] = header.tobuf(tarfile.GNU_FORMAT)
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"PK\x03\x04 no zip", b"\x1f\x8b no gzip", negative_size()],
)
def test_what_is_no_archive_is_named(content, tmp_path):
    (tmp_path / "data.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"data\.zip: "):
        Files(tmp_path / "data.zip")


def test_a_file_that_is_no_archive_is_told_what_is_expected(tmp_path):
    (tmp_path / "labels.csv").write_text("image,label\n" * 99)
    with pytest.raises(SourceError, match=r"labels\.csv: .*, expected a folder, a zip or a tar$"):
        Files(tmp_path / "labels.csv")


@pytest.mark.parametrize(("encoding", "name"), [("utf-8", "käse"), ("cp437", "ölkäfer")])
def test_names_in_a_zip_are_read_where_no_flag_tells_their_encoding(encoding, name, tmp_path):
    stored, size = f"{name}/x.png".encode(encoding), len(f"{name}/x.png".encode(encoding))
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("_" * size, b"x")
    content = (tmp_path / "data.zip").read_bytes().replace(b"_" * size, stored)
    (tmp_path / "data.zip").write_bytes(content)
    assert Files(tmp_path / "data.zip").paths == (f"{name}/x.png",)


PACKED = {kind: pack(TREE) for kind, pack in PACKERS.items()}


@settings(deadline=None)
@given(kind=st.sampled_from(sorted(PACKED)), share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_archive_never_passes_for_a_smaller_one(kind, share):
    with tempfile.NamedTemporaryFile() as file:
        file.write(PACKED[kind][: int(share * len(PACKED[kind]))])
        file.flush()
        try:
            read = contents(Files(file.name))
        except SourceError as error:
            assert str(error).startswith(file.name)
        else:  # only padding is gone
            assert read == TREE


def test_a_damaged_member_is_named(tmp_path):
    path = make("zip", tmp_path / "data", TREE)
    content = bytearray(path.read_bytes())
    content[45] ^= 0xFF  # in the data of the first member
    path.write_bytes(content)
    files = Files(path)
    assert files.read("note.txt") == b"hi"
    with pytest.raises(SourceError, match=r"data\.zip/b/x\.png: "):
        files.read("b/x.png")


def test_a_password_is_named_as_the_reason(tmp_path):
    content = zip_bytes(TREE)
    flags = content.index(b"PK\x01\x02") + 8
    locked = content[:flags] + b"\x01" + content[flags + 1 :]
    (tmp_path / "locked.zip").write_bytes(locked)
    with pytest.raises(SourceError, match=r"locked\.zip: protected by a password; unpack it"):
        Files(tmp_path / "locked.zip")
