"""The data sets known by name: their class names, and the words of their reports."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mnist_pipeline.data import folders, problems
from mnist_pipeline.data.datasets import DatasetError, reader_of
from mnist_pipeline.data.reader import OnRead, Reader
from mnist_pipeline.data.split import SPLITS
from mnist_pipeline.data.values import DataSet, RawData

# The labels that most of five reviewers rejected: C. G. Northcutt, A. Athalye, J. Mueller,
# "Pervasive label errors in test sets destabilize machine learning benchmarks", 2021; the reviews
# are in the repository cleanlab/label-errors.
DOUBTED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
# SHA-256 of the four files of MNIST, as its publisher and torchvision distribute them.
MNIST_SUMS = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",  # noqa: E501
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",  # noqa: E501
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}
MNIST = DataSet("mnist", "MNIST", doubted_labels=DOUBTED)
# H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine
# learning algorithms", 2017.
FASHION_MNIST = DataSet(
    "fashion-mnist",
    "Fashion-MNIST",
    (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    noun="item",
    handwritten=False,
)
# T. Clanuwat et al., "Deep learning for classical Japanese literature", 2018. Its hiragana are
# romanised: the font of the figures has none.
KMNIST = DataSet(
    "kmnist",
    "Kuzushiji-MNIST",
    ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    noun="character",
)
# By the name of their directory, of Debian's package and of torchvision.
KNOWN = {
    "fashion-mnist": FASHION_MNIST,
    "FashionMNIST": FASHION_MNIST,
    "kmnist": KMNIST,
    "KMNIST": KMNIST,
}


def read_raw(
    root: Path,
    choices: Mapping[str, Any] = MappingProxyType({}),
    on_read: OnRead | None = None,
) -> RawData:
    """Read and validate all files; those of the embedded MNIST are only compared with their
    checksums. See `Reader` for the other arguments.

    Raises a DatasetError if a file is invalid.
    """
    reader = reader_of(root, choices, on_read=on_read)
    if not reader.is_mnist:
        contents = dict(zip(SPLITS, reader.read(*SPLITS)))
        if found := problems.of_files(reader, contents):
            raise DatasetError(f"{root}: {'; '.join(found)}")
        paths = {str(split): content.paths for split, content in contents.items() if content.paths}
        return RawData(tuple(reader.files()), identify(reader), paths)
    files = tuple(reader.files())
    if changed := [file.name for file in files if MNIST_SUMS.get(file.name) != file.sha256]:
        raise DatasetError(
            f"{root / changed[0]} is not the file of MNIST; restore it with 'git checkout -- "
            f"{changed[0]}' in {root}, or point MNIST_PIPELINE_DATA at your own files"
        )
    return RawData(files, MNIST)


def identify(reader: Reader) -> DataSet:
    """A known data set, or one of the user's own with the class names that its directory gives.

    IDX files and arrays number their classes. If they have the classes 0 to 9 and lie in a
    directory with the name of a known data set, they are that data set. Folders always name their
    classes.
    """
    root, own = reader.root, reader.description
    color, ground, inverted, _ = reader.appearance
    known = KNOWN.get(root.name)
    is_numbered = reader.shows_digits and reader.title != folders.TITLE
    if known and (is_numbered or reader.class_names == known.class_names):
        data_set = known
    elif reader.shows_digits:
        data_set = DataSet(title=root.name)
    else:
        data_set = DataSet(
            title=root.name,
            class_names=reader.class_names,
            noun=own.noun,
            handwritten=own.fit == "mnist",
            whole_pictures=own.fit == "whole",
        )
    title = own.title or data_set.title
    return replace(data_set, title=title, color=color, ground=ground, inverted=inverted)
