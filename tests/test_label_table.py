"""Labels in a table beside the images, as people have them."""

import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from containers import CONTAINERS, make, noise, opened, png
from transfer_gain.data.sources import label_table
from transfer_gain.data.sources.base import SourceError

NAMES = ["a.png", "b.png", "c.png", "d.png"]
IMAGES = {f"images/{name}": png(noise(seed)) for seed, name in enumerate(NAMES)}
COLUMNS = {"file": "file", "label": "label", "split": "split"}
ROWS = "file,label\na.png,cat\nb.png,dog\nc.png,cat\nd.png,dog\n"


def labeled(tmp_path, table: str | bytes, name="images/labels.csv", tree=IMAGES, **options):
    content = table.encode() if isinstance(table, str) else table
    path = make("folder", tmp_path / "data", tree | {name: content})
    columns = COLUMNS | options.pop("columns", {})
    return opened(path, labels={"file": name, "columns": columns}, **options)


def found(source) -> dict[str, str]:
    return {item.image_id: source.classes[item.label] for item in source.items}


EXPECTED = {"a.png": "cat", "b.png": "dog", "c.png": "cat", "d.png": "dog"}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_table_gives_the_classes_in_every_container(kind, tmp_path):
    tree = IMAGES | {"labels.csv": ROWS.encode()}
    path = make(kind, tmp_path / "data", tree)
    mine = opened(path, labels={"file": "labels.csv", "columns": COLUMNS})
    assert found(mine) == EXPECTED
    assert mine.skipped == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "   "])
def test_encodings_and_delimiters(encoding, delimiter, tmp_path):
    table = ROWS.replace("cat", "Kätzchen").replace(",", delimiter).replace("\n", "\r\n")
    mine = labeled(tmp_path, table.encode(encoding))
    assert found(mine) == {k: v.replace("cat", "Kätzchen") for k, v in EXPECTED.items()}


def test_values_may_have_quotes_blanks_and_other_columns_beside(tmp_path):
    table = 'n,file , label\n1,"a.png",cat \n2,b.png,"dog, small"\n\n3, c.png,cat\n4,d.png,cat\n'
    assert found(labeled(tmp_path, table))["b.png"] == "dog, small"


def parquet(frame: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    frame.to_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([0, 1, 0, 1], ("0", "1")),
        ([1.0, None, 0.0, 0.0], ("0", "1")),
        ([0.0, 0.3333333333333333, 1.0, 0.0], ("0.0", "0.3333333333333333", "1.0")),
        ([True, False, True, True], ("False", "True")),
        (["x", "y", None, "x"], ("x", "y")),
    ],
)
def test_labels_in_parquet_become_text(values, classes, tmp_path):
    frame = pd.DataFrame({"file": NAMES, "label": values})
    mine = labeled(tmp_path, parquet(frame), "images/labels.parquet", on_bad_image="skip")
    assert mine.classes == classes


def test_numbers_in_text_stay_as_they_are_written(tmp_path):
    mine = labeled(tmp_path, "file label\na.png 0.333\nb.png 1.0\nc.png 01\nd.png NA\n")
    assert mine.classes == ("0.333", "01", "1.0", "NA")


@pytest.mark.parametrize(
    "write",
    [
        lambda name: name.removesuffix(".png"),
        lambda name: f"images/{name}",
        lambda name: f"./images/{name}",
        lambda name: f"images\\{name}",
        lambda name: f"/home/ann/study/images/{name}",
        lambda name: f"images/{name.removesuffix('.png')}",
    ],
)
@pytest.mark.parametrize("where", ["labels.csv", "images/labels.csv", "meta/labels.csv"])
def test_names_with_and_without_folder_and_ending(write, where, tmp_path):
    table = "file,label\n" + "".join(f"{write(name)},{EXPECTED[name]}\n" for name in NAMES)
    assert found(labeled(tmp_path, table, where)) == EXPECTED


def test_the_file_below_the_images_comes_before_that_below_the_table(tmp_path):
    tree = {"a.png": png(noise(8)), "b.png": png(noise(9)), "sub/a.png": png(noise(10))}
    mine = labeled(tmp_path, "file,label\na.png,x\nb.png,y\n", "sub/labels.csv", tree)
    assert found(mine) == {"a.png": "x", "b.png": "y"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("e.png,cat", "labels.csv, row 6: e.png: no such file"),
        ("p2/a.png,cat", "labels.csv, row 6: p2/a.png: no such file"),
        ("a.jpg,cat", "labels.csv, row 6: a.jpg: no such file"),
        ("x,cat", "labels.csv, row 6: x: several files: p/x.jpg, p/x.png"),
        (",cat", "labels.csv, row 6: no file for label 'cat'"),
        ("a.png,", "labels.csv, row 6: no label for a.png"),
        ("a.png,dog", "labels.csv, row 6: images/a.png is 'dog' here, but 'cat' in row 2"),
    ],
)
def test_a_bad_row_is_named(row, reason, tmp_path):
    tree = IMAGES | {"p/x.png": png(noise(20)), "p/x.jpg": png(noise(21))}
    with pytest.raises(SourceError) as error:
        labeled(tmp_path, f"{ROWS}{row}\n", "labels.csv", tree)
    title, *lines = str(error.value).splitlines()
    assert "the image's name in column file and its class in column label" in title
    assert lines == [f"  {reason}"]
    mine = opened(
        tmp_path / "data",
        labels={"file": "labels.csv", "columns": COLUMNS},
        on_bad_image="skip",
    )
    assert mine.skipped == [tuple(reason.split(": ", 1))]
    untrusted = {"a.png"} if "is 'dog' here" in reason else set()
    assert found(mine).keys() == EXPECTED.keys() - untrusted


def test_the_same_row_twice_is_harmless_and_what_is_not_named_is_counted(tmp_path):
    tree = IMAGES | {"images/x.png": png(noise(30)), "images/notes.md": b"no image"}
    mine = labeled(tmp_path, f"{ROWS}a.png,cat\n", "labels.csv", tree)
    assert found(mine) == EXPECTED
    assert mine.notes == [
        "images left out because labels.csv does not name them: 1",
        "rows of labels.csv that repeat another: 1",
    ]


def test_columns_may_have_other_names(tmp_path):
    table = "id_code,diagnosis\na,0\nb,1\nc,2\nd,2\n"
    columns = {"file": "id_code", "label": "diagnosis"}
    assert labeled(tmp_path, table, columns=columns).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"columns": {"label": "diagnosis"}},
            r"found no column diagnosis, only the columns file, Diagnosis "
            r"\(did you mean Diagnosis\?\)",
        ),
        ({"columns": {"label": "Diagnosis", "split": "fold"}}, "found no column fold"),
    ],
)
def test_a_missing_column_is_named_with_those_that_there_are(options, message, tmp_path):
    with pytest.raises(SourceError, match=message):
        labeled(tmp_path, ROWS.replace("label", "Diagnosis"), **options)


def test_a_missing_table_is_named_with_those_that_there_are(tmp_path):
    path = make("folder", tmp_path / "data", IMAGES | {"Labels.csv": ROWS.encode()})
    with pytest.raises(SourceError, match=r"no table labels\.csv .*did you mean Labels\.csv\?"):
        opened(path, labels={"file": "labels.csv", "columns": COLUMNS})


def test_a_column_of_the_split_is_kept(tmp_path):
    table = "file,label,split\na.png,cat,Train\nb.png,dog,train\nc.png,cat,val\nd.png,dog,valid\n"
    mine = labeled(tmp_path, table)
    assert {item.image_id: item.split for item in mine.items} == {
        "a.png": "training",
        "b.png": "training",
        "c.png": "validation",
        "d.png": "validation",
    }
    with pytest.raises(SourceError, match=r"row 4: split 'fold 3' of c\.png, expected one of tra"):
        opened_again = table.replace("cat,val", "cat,fold 3")
        labeled(tmp_path / "other", opened_again)


def test_test_images_of_a_table_are_held_out_and_validation_is_drawn_if_none_is_given(tmp_path):
    table = "file,label,split\na.png,cat,train\nb.png,dog,train\nc.png,cat,test\nd.png,dog,eval\n"
    mine = labeled(tmp_path, table)
    assert {item.image_id: item.split for item in mine.items} == {
        "a.png": None,
        "b.png": None,
        "c.png": "test",
        "d.png": "test",
    }


def test_labels_that_look_alike_are_told_and_merged_by_choice(tmp_path):
    table = ROWS.replace("c.png,cat", "c.png,Cat")
    with pytest.raises(SourceError, match=r"'Cat' and 'cat'; .* `merge_similar_classes: true`"):
        labeled(tmp_path, table)
    assert labeled(tmp_path / "again", table, merge_similar_classes=True).classes == ("Cat", "dog")


@pytest.mark.parametrize("folder", ["", "images/"])
def test_images_without_folders_of_classes_beside_a_table_are_explained(folder, tmp_path):
    tree = {f"{folder}{name}": png(noise(seed)) for seed, name in enumerate(NAMES)}
    path = make("folder", tmp_path / "data", tree | {"labels.csv": ROWS.encode()})
    with pytest.raises(SourceError, match=r"name it: `labels: \{file: labels\.csv\}`"):
        opened(path)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "labels.csv", "found no column file"),
        (b"file,label\n", "labels.csv", "found no rows"),
        (b"file,label\na.png,x,y,z\n\x00\xff", "labels.csv", "row 2: found 4 values, expected 2"),
        (b"file,label\na.png,x\nb.png,y,z,q\n", "labels.csv", "row 3: found 4 values, expected 2"),
        (b"PAR1 no parquet PAR1", "labels.parquet", "labels.parquet"),
        (b"file,file,label\na,b,c\n", "labels.csv", "found column file twice"),
    ],
)
def test_a_damaged_table_is_one_line(content, name, message, tmp_path):
    with pytest.raises(SourceError, match=message) as error:
        labeled(tmp_path, content, name, on_bad_image="skip")
    assert "\n" not in str(error.value)


def test_tables_have_limits(monkeypatch):
    monkeypatch.setattr(label_table, "MAX_ROWS", 3)
    frame = pd.DataFrame({"file": NAMES, "label": "x"})
    for name, content in (
        ("t.csv", frame.to_csv(index=False).encode()),
        ("t.parquet", parquet(frame)),
    ):
        with pytest.raises(SourceError, match="more than the limit of 3 rows"):
            label_table.read(content, name, COLUMNS)


def test_few_bytes_of_parquet_that_stand_for_many_are_refused():
    long = pa.array(["x" * 100_000]).dictionary_encode()
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 200_000, pa.int32()), long.dictionary)
    file = io.BytesIO()
    pq.write_table(pa.table({"file": column, "label": column}), file)
    assert len(file.getvalue()) < 1_000_000
    with pytest.raises(SourceError, match="a value of more than"):
        label_table.read(file.getvalue(), "t.parquet", COLUMNS)
