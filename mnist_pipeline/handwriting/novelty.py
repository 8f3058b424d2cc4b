"""Novelty detection: whether an image looks like any digit, whatever the models answer."""

from typing import NamedTuple

import numpy as np

from mnist_pipeline.data import drawn_digits
from mnist_pipeline.data.color import grey
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.values import DigitSet, ImageKind
from mnist_pipeline.data.variation import Variation, vary
from mnist_pipeline.handwriting import outliers
from mnist_pipeline.methods import pca
from mnist_pipeline.utils.blocks import in_blocks
from mnist_pipeline.utils.stored_types import stored_type

POINT = 98.5  # above this percentile of the reference digits, an image does not look like a digit
DOUBTED = 95.0  # the stricter percentile if the answer has a probability below `UNCERTAIN`
ORDINARY = 50.0  # the stricter percentile in a picture where most findings are not digits
UNCERTAIN = 0.9  # answers for noise and scribbles are seldom more certain

DIRECTIONS = 8
CELLS = 5  # per side
NUM_EDGES = DIRECTIONS * CELLS * CELLS
SMOOTHING = 0.7  # standard deviation in pixels, before differences are taken
NUM_COMPONENTS = 25  # of the subspace of a class
IMAGES_PER_COMPONENT = 4  # the minimum, in the smallest class
LEAST_IMAGES = 2 * IMAGES_PER_COMPONENT  # of a class
# Smaller entries of the smoothing matrix, whose rows sum to 1, become 0: subnormal ones are slow.
NEGLIGIBLE = 1e-7
BLOCK_ROWS = 128  # images at a time: their edges fit the cache

MOST_IMAGES = 12_000  # training images that the classes are fitted on
MOST_MEMBERS = 5_000  # images used as positives, once unchanged and once deformed
# The number of outliers per positive image; of symbols, the number of images of each symbol.
OUTLIERS = {"strokes": 0.7, "halves": 0.4, "turned": 0.4, "symbols": 0.015}
REPEATS = 8  # of an image of a symbol, each time deformed in another way
VARIATION = Variation(rotation=15, scale=0.12, shear=0.2, shift=1, stroke=0.5)
# Turned images of a class are outliers if most of them lie above this percentile, and symbols if
# they lie above it: a data set may have hearts.
ORDINARY_OF_OUTLIERS = 75.0
LEAST_SHARE = 0.8  # of the distance, that counts even if the network sees no outlier
HIDDEN_SIZE = 128
EPOCHS = 10
BATCH_SIZE = 512
LEAST_UPDATES = 300
SEED = 3  # of 0 to 3, it marked the most letters and symbols among development pictures

ThreeArrays = tuple[np.ndarray, np.ndarray, np.ndarray]


@stored_type
class Novelty(NamedTuple):
    """The distance of images from the training digits, ranked among reference digits.

    Notes
    -----
    The PCA reconstruction error of an image measures how much ink lies where digits rarely have
    ink. Letters and scribbles have their ink where digits have it; they differ in the
    direction of their strokes. Therefore the score compares edges instead of pixels: histograms of
    gradients [1]_ in eight directions and 5×5 overlapping cells, normalised by all edges of the
    image. The square roots of these shares turn Euclidean distances into Hellinger distances [2]_,
    which depend little on the pen and the contrast. The digits of a class lie near a subspace of 25
    dimensions [3]_. The distance of an image from a class is the logarithm of the squared distance
    from the subspace, in standard deviations from the mean over the class's own digits. The
    distance of an image is its lowest distance over the classes.

    The distance alone takes an A for a bad 4. So a network of one hidden layer learns from the
    edges to separate training digits, unchanged and deformed, from images of `outliers`: random
    strokes, halves of different digits, digits that are turned or mirrored, hearts, faces and
    triangles. The outliers include no letters. The distance d and the network's log odds o for an
    outlier are standardised over the reference digits, and the score is d/2 + max(o, 0.8 d). The
    network can raise doubts, and can't remove them. The threshold is a percentile of the reference
    digits, so the share of digits above it is known.

    References
    ----------
    .. [1] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.
    .. [2] R. Arandjelović, A. Zisserman, "Three things everyone should know to improve object
        retrieval", CVPR 2012.
    .. [3] S. Watanabe, N. Pakvasa, "Subspace method in pattern recognition", Proceedings of the 1st
       International Joint Conference on Pattern Recognition, 1973.
    """

    means: np.ndarray  # of the edge histograms of each class; float32 (n_classes, 200)
    # Their leading principal components, as columns; float32 (n_classes, 200, n_components).
    components: np.ndarray
    # Mean and standard deviation of log squared residuals, by class; float64 (n_classes, 2).
    residuals: np.ndarray
    reference: np.ndarray  # scores of the reference digits, ascending; float64 (n_reference,)
    # The network's weights for edges that are not standardised.
    hidden_weight: np.ndarray  # float32 (n_hidden, 200)
    hidden_bias: np.ndarray  # float32 (n_hidden,)
    output_weight: np.ndarray  # float32 (n_hidden,)
    # Mean and standard deviation of the distance, and of the log odds; float64 (2, 2).
    scales: np.ndarray

    @classmethod
    def fit(
        cls, train_images: np.ndarray, train_labels: np.ndarray, reference_images: np.ndarray
    ) -> "Novelty":
        """Fit classes and network to training digits, and score the reference digits.

        Images are uint8 (n, 28, 28). If a class has fewer than eight training images, deformed
        copies are added.
        """
        classes, counts = np.unique(train_labels, return_counts=True)
        generator = np.random.default_rng(SEED)
        order = generator.permutation(len(train_images))
        per_class = MOST_IMAGES // len(classes)
        samples = [order[train_labels[order] == label][:per_class] for label in classes]
        sample = np.sort(np.concatenate(samples))
        train_images, train_labels = train_images[sample], train_labels[sample]
        repeats = int(-(-LEAST_IMAGES // counts.min()))
        if repeats > 1:
            copies = vary(np.tile(train_images, (repeats - 1, 1, 1)), VARIATION, SEED)
            train_images = np.concatenate([train_images, copies])
            train_labels = np.tile(train_labels, repeats)
        subspaces = _fit_subspaces(train_images, train_labels)
        reference_edges = edges(reference_images)
        distances = _distances(reference_edges, *subspaces)
        members, strangers = _examples(train_images, train_labels, distances, subspaces, generator)
        network = _train(edges(members), edges(strangers))
        odds = _log_odds(reference_edges, *network)
        scales = np.array([_moments(distances), _moments(odds)])
        reference = np.sort(_scores(distances, odds, scales))
        return cls(*subspaces, reference, *network, scales)

    def percentile(self, images: np.ndarray) -> np.ndarray:
        """The share of the reference digits with a lower score, 0–100, float64 (n,).

        Images are uint8 (n, 28, 28), with light ink on 0, as `finder.search` returns them.
        """
        image_edges = edges(images)
        distances = _distances(image_edges, self.means, self.components, self.residuals)
        odds = _log_odds(image_edges, self.hidden_weight, self.hidden_bias, self.output_weight)
        scores = _scores(distances, odds, self.scales)
        return np.asarray(100 * np.searchsorted(self.reference, scores) / len(self.reference))


def fit_held_out(digits: DigitSet, kind: ImageKind) -> Novelty:
    """The novelty of images among the training images, of which the held-out ones are the
    reference.
    """
    levels = grey(digits.images)
    kept, held_out = digits.divided()
    members = levels[kept], digits.labels[kept]
    if kind.is_mnist:
        members = drawn_digits.add(*members, seed=0)
    return Novelty.fit(*members, levels[held_out])


def _fit_subspaces(images: np.ndarray, labels: np.ndarray) -> ThreeArrays:
    """The means, components and residuals of the classes."""
    classes, counts = np.unique(labels, return_counts=True)
    num_components = min(NUM_COMPONENTS, int(counts.min()) // IMAGES_PER_COMPONENT)
    means, components, residuals = [], [], []
    for label in classes:
        class_edges = edges(images[labels == label])
        exact_mean = pca.mean(class_edges)
        covariance = pca.covariance(pca.center(class_edges, exact_mean))
        leading = pca.eigendecomposition(covariance).eigenvectors[:, :num_components]
        mean = exact_mean.astype(np.float32)
        columns = leading.astype(np.float32)
        means.append(mean)
        components.append(columns)
        residuals.append(_moments(_log_residuals(class_edges, mean, columns)))
    return np.array(means), np.array(components), np.array(residuals)


def _distances(
    image_edges: np.ndarray, means: np.ndarray, components: np.ndarray, residuals: np.ndarray
) -> np.ndarray:
    """Distance of each image from its nearest class, float64 (n,)."""
    distances = [
        (_log_residuals(image_edges, class_mean, columns) - mean) / deviation
        for class_mean, columns, (mean, deviation) in zip(means, components, residuals)
    ]
    return np.min(distances, axis=0)


def _log_odds(
    image_edges: np.ndarray,
    hidden_weight: np.ndarray,
    hidden_bias: np.ndarray,
    output_weight: np.ndarray,
) -> np.ndarray:
    """The network's log odds for an outlier, up to a constant, float64 (n,)."""
    hidden = np.maximum(image_edges @ hidden_weight.T + hidden_bias, 0)
    return np.asarray(hidden @ output_weight, np.float64)


def _scores(distances: np.ndarray, odds: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The scores of images from their distances and log odds, float64 (n,)."""
    (mean, deviation), (odds_mean, odds_deviation) = scales
    distances = (distances - mean) / deviation
    odds = (odds - odds_mean) / odds_deviation
    return np.asarray(distances / 2 + np.maximum(odds, LEAST_SHARE * distances))


def looks_like_digit(percentile: float, probability: float) -> bool:
    """Whether an image looks like a digit, by its percentile and the probability of the answer."""
    return bool(percentile <= (POINT if probability >= UNCERTAIN else DOUBTED))


def edges(images: np.ndarray) -> np.ndarray:
    """Square roots of the shares of an image's edges by cell and direction, float32 (n, 200)."""
    angles = 2 * np.pi * np.arange(DIRECTIONS // 2) / DIRECTIONS
    axes = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    smooth, difference, pooling = _matrices()
    shares = np.empty((len(images), NUM_EDGES), np.float32)

    def compute(block: slice) -> None:
        x = smooth @ images[block] @ difference.T
        y = difference @ images[block] @ smooth.T
        along = np.stack([cosine * x + sine * y for cosine, sine in axes], axis=1)  # (n, 4, 28, 28)
        pooled = pooling @ along @ pooling.T  # (n, 4, 5, 5)
        rising = pooling @ np.maximum(along, 0, out=along) @ pooling.T
        falling = np.maximum(rising - pooled, 0)  # as max(−a, 0) = max(a, 0) − a
        strengths = np.concatenate([rising, falling], axis=1).reshape(-1, NUM_EDGES)
        totals = np.maximum(strengths.sum(axis=1, keepdims=True), 1)
        shares[block] = np.sqrt(strengths / totals)

    in_blocks(compute, len(images), BLOCK_ROWS)
    return shares


def _examples(
    images: np.ndarray,
    labels: np.ndarray,
    distances: np.ndarray,
    subspaces: ThreeArrays,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Images of members, unchanged and deformed, and of outliers."""
    originals = images[generator.permutation(len(images))[:MOST_MEMBERS]]
    deformed = vary(originals, VARIATION, int(generator.integers(1 << 32)))
    counts = {name: round(2 * share * len(originals)) for name, share in OUTLIERS.items()}
    limit = np.percentile(distances, ORDINARY_OF_OUTLIERS)
    turned, groups = outliers.turned(images, labels, counts["turned"], generator)
    far = _distances(edges(turned), *subspaces) > limit
    share_far = np.bincount(groups, far) / np.maximum(np.bincount(groups), 1)
    symbols = outliers.symbols(counts["symbols"], generator)
    symbols = symbols[_distances(edges(symbols), *subspaces) > limit]
    symbols = np.tile(symbols, (REPEATS, 1, 1))
    strangers = [
        outliers.strokes(counts["strokes"], generator),
        outliers.halves(images, labels, counts["halves"], generator),
        turned[share_far[groups] > 0.5],
        vary(symbols, VARIATION, int(generator.integers(1 << 32))),
    ]
    return np.concatenate([originals, deformed]), np.concatenate(strangers)


def _train(members: np.ndarray, strangers: np.ndarray) -> ThreeArrays:
    """Train the network on edges; its weights and biases, see `Novelty`."""
    # With torch, which an answer does not need.
    from mnist_pipeline.methods.networks import training
    from mnist_pipeline.methods.networks.modules import MLP

    examples = np.concatenate([members, strangers])
    mean = examples.mean(axis=0)
    deviation = examples.std(axis=0) + 0.01
    labels = np.repeat([0, 1], [len(members), len(strangers)])
    network = training.build(MLP, examples.shape[1], HIDDEN_SIZE, 2, seed=SEED)
    updates = -(-len(examples) // BATCH_SIZE)  # per pass
    recipe = training.Recipe(
        epochs=max(EPOCHS, -(-LEAST_UPDATES // updates)),
        batch_size=BATCH_SIZE,
        learning_rate=5e-3,
        betas=(0.8, 0.95),
        schedule="one-cycle",
    )
    training.train(network, (examples - mean) / deviation, labels, recipe, seed=SEED)
    weights = training.weights(network)
    hidden = weights["hidden.weight"] / deviation
    bias = weights["hidden.bias"] - hidden @ mean
    return hidden, bias, weights["output.weight"][1] - weights["output.weight"][0]


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smoothing (28, 28), difference (28, 28), and pooling into overlapping cells (5, 28)."""
    pixels = np.arange(IMAGE_SIDE)
    smooth = np.exp(-0.5 * ((pixels - pixels[:, None]) / SMOOTHING) ** 2)
    smooth /= smooth.sum(axis=1).max()
    difference = (np.eye(IMAGE_SIDE, k=1) - np.eye(IMAGE_SIDE, k=-1)) @ smooth
    size = IMAGE_SIDE / CELLS
    centres = (np.arange(CELLS) + 0.5) * size - 0.5
    pooling = np.maximum(0, 1 - np.abs(pixels - centres[:, None]) / size)
    for matrix in (smooth, difference):
        matrix[np.abs(matrix) < NEGLIGIBLE] = 0
    return smooth.astype(np.float32), difference.astype(np.float32), pooling.astype(np.float32)


def _log_residuals(image_edges: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """log ‖(I − V Vᵀ)(e − mean)‖² of edges e, float64 (n,)."""
    centered = image_edges - mean
    total = np.square(centered, dtype=np.float64).sum(axis=1)
    captured = np.square(centered @ components, dtype=np.float64).sum(axis=1)
    return np.log(np.maximum(total - captured, 1e-6))


def _moments(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), max(float(values.std()), 1e-6)
