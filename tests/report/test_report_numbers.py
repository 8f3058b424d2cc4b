"""What the page, its charts and arrays, and `report.json` say is what the stored values of the
finished run give.
"""

import re

import numpy as np
import pytest
from scipy.spatial import cKDTree

from mnist_pipeline.evaluation.robustness import CORRUPTED, DISTURBANCES, is_small, sample
from mnist_pipeline.methods.knn.classifier import vote
from mnist_pipeline.methods.knn.method import NUM_NEIGHBORS_SHOWN
from mnist_pipeline.methods.table import MODELS, by_model
from mnist_pipeline.report import arrays
from mnist_pipeline.report.content import PageImages, rounded
from mnist_pipeline.report.topics.errors import topic as errors
from mnist_pipeline.report.topics.knn import topic as neighbors
from mnist_pipeline.report.topics.pca import topic as components
from mnist_pipeline.report.topics.robustness import topic as trust
from mnist_pipeline.report.words import estimate, interval, power, probability

RULES = ("nearest", "smallest")
NO_IMAGES = PageImages(np.arange(0), np.arange(0), np.zeros(0, bool), 0, 0)


@pytest.fixture(scope="module")
def text(html, text_of) -> str:
    return text_of(html)


def lines(figure) -> list[np.ndarray]:
    """The points of each line of a chart."""
    return [np.array(line.get_xydata()) for line in figure.axes[0].lines]


def test_the_variance_of_the_components_is_that_of_the_covariance(composed, values, text):
    eigenvalues, shown = values["eigendecomposition"].eigenvalues, composed["pca"]
    total = np.trace(values["covariance"])
    each = eigenvalues / total
    shares = np.cumsum(each)
    np.testing.assert_array_equal(shown["eigenvalues"], eigenvalues)
    assert shown["total_variance"] == pytest.approx(total)
    first = len(shown["share_of_component"])
    assert (
        f"first component explains {shares[0]:.1%} of the variance, the first {first} together "
        f"explain {shares[first - 1]:.1%}"
    ) in text
    assert f"v₁ and v₂, which explain {shares[1]:.1%}" in text
    for number, share in enumerate(each[:first], 1):
        assert f" eigenvector {number} {share:.1%} " in text
    for share in (0.8, 0.9, 0.95):
        count = int((shares < share).sum()) + 1
        assert (
            f"{count} of 784 components explain at least {share:.0%} of the variance. The last of "
            f"their eigenvalues is {eigenvalues[0] / eigenvalues[count - 1]:.0f} times smaller "
            f"than the first. One more component would add {each[count]:.2%}; the other "
            f"{784 - count} together"
        ) in text
    facts = components.facts(values)
    np.testing.assert_allclose(facts["shares"], [0, *shares], atol=1e-5)
    deviations = values["projections"].std(axis=0, ddof=1)
    np.testing.assert_allclose(facts["deviations"][:2], deviations[:2], atol=0.06)
    chart, *_ = lines(components.charts(composed, values)["share"])
    np.testing.assert_allclose(chart[:, 1], 100 * shares[: len(chart)])


def test_the_errors_of_the_reconstructions_are_those_of_the_test_images(composed, values, text):
    vectors, rebuilt = values["eigendecomposition"].eigenvectors, values["reconstructions"]
    shares = np.cumsum(values["eigendecomposition"].eigenvalues) / np.trace(values["covariance"])
    rows = values["test_digits"].images.reshape(-1, 784) - values["data_mean"].ravel()
    for k in rebuilt.num_components:
        rest = rows - rows @ vectors[:, :k] @ vectors[:, :k].T
        error = np.sqrt((rest**2).mean())
        assert f"k = {k}: {shares[k - 1]:.1%} of the variance, error {error:.1f} grey" in text
        assert f" {k} {shares[k - 1]:.1%} {error:.1f} " in text
    differences = rebuilt.images[-1] - values["digit_images"]
    errors = np.sqrt((differences.reshape(10, -1) ** 2).mean(axis=1))
    digit = errors.argmax()
    assert f"{digit} has the largest error with k = {k}: {errors[digit]:.1f} grey levels" in text


def test_the_plane_and_the_components_of_the_page_are_the_stored_ones(composed, values):
    vectors, labels = values["eigendecomposition"].eigenvectors, values["train_digits"].labels
    plane = composed["pca"]["scatter"]
    points = np.stack([plane["x"], plane["y"]], axis=1)
    np.testing.assert_array_equal(points, values["projections"][plane["index"], :2])
    np.testing.assert_array_equal(plane["label"], labels[plane["index"]])
    ends = np.stack([points.min(axis=0), points.max(axis=0)], axis=1)
    np.testing.assert_array_equal(components.facts(values)["plane"], ends)
    _, nearest = cKDTree(points).query(points, k=2)  # the point itself, and the nearest other
    plane_labels = np.array(plane["label"])
    assert plane["mixed"] == np.mean(plane_labels[nearest[:, 1]] != plane_labels)
    packed, step = components.arrays(values, NO_IMAGES)["pca.components"]
    np.testing.assert_allclose(packed * step, vectors[:, : len(packed)].T, atol=step / 2)


def test_a_component_of_a_single_pixel_keeps_its_sign():
    packed, step = rounded(np.array([1.0, -1.0]), components.COMPONENT_STEP)
    np.testing.assert_allclose(packed * step, [1, -1], atol=step)


def test_corners_and_pixels_are_those_of_the_stored_responses(composed, values, text, html):
    found = values["harris_corners"]
    counts = found.corners.sum(axis=(1, 2))
    assert f"{counts.sum()} corners in all" in text
    assert f"centring would remove {np.median(found.centering_change):.0%} of the trace" in text
    most = found.gram_difference.max()
    said = f"differ by at most {power(float(most))} of" if most else "are equal to the last bit"
    assert said in text
    table = zip(counts, found.gram_difference, found.centering_change, strict=True)
    for k, (count, difference, change) in enumerate(table):
        shown = f"{power(float(difference))} " if most else ""
        assert f" {k} {count} {shown}{change:.0%} " in text
    figure = html[html.index("Harris corners of one") :]
    for mask, drawn in zip(found.corners, re.findall("<svg.*?</svg>", figure, re.DOTALL)):
        circles = re.findall(r'cx="(\d+)" cy="(\d+)"', drawn)
        assert [(int(row), int(column)) for column, row in circles] == [
            *map(tuple, np.argwhere(mask))
        ]
    digit = composed["harris"]["place_digit"]
    assert found.response[digit].max() == found.response.max()
    response = found.response[digit]
    for name, pixel in (("corner", response.argmax()), ("edge", response.argmin())):
        row, column = divmod(int(pixel), 28)
        low, high = np.linalg.eigvalsh(found.structure_tensor[digit, row, column])
        size = power(float(response.flat[pixel]))
        assert f" {name} {row}, {column} {high:,.0f} {low:,.0f} {size} " in text


def test_the_sizes_of_the_differences_are_the_distances_and_those_in_unsigned_bytes_are_not(
    composed, values
):
    *_, (_, sizes), (_, wrapped) = neighbors.pictures(composed, values)["subtracted"]
    nearest = values["knn_predictions"].nearest
    distances = np.sqrt(nearest.squared_distances[0, : len(sizes)])
    np.testing.assert_allclose(sizes, distances)
    assert not np.isclose(wrapped, distances).any()


def test_votes_by_the_number_of_neighbors_are_counted_on_the_stored_ones(composed, values, text):
    answer, labels = values["knn_predictions"], values["test_digits"].labels
    near = answer.nearest.labels
    ks = range(1, near.shape[1] + 1)
    shares = np.array([[(vote(near[:, :k], r) == labels).mean() for k in ks] for r in RULES])
    for k, (nearest, smallest) in zip(ks, shares.T):
        assert f" {k} {nearest:.2%} {smallest:.2%} " in text
    most = shares[0].max()
    assert f"k = {ks[shares[0].argmax()]} was best of the {len(ks)}" in text
    assert f"for these test digits: {most:.2%}." in text
    for line, rule in zip(lines(neighbors.charts(composed, values)["votes"]), shares, strict=True):
        np.testing.assert_allclose(line, np.transpose([ks, 100 * rule]))
    for index in np.flatnonzero(answer.labels != labels)[: neighbors.NUM_MISLED_SHOWN]:
        of_nearest = ", ".join(map(str, near[index, :NUM_NEIGHBORS_SHOWN]))
        assert f"{labels[index]} → {answer.labels[index]}; neighbours: {of_nearest} " in text


def test_confusions_and_pairs_are_counted_on_the_stored_predictions(composed, values, text, html):
    labels, predictions = values["test_digits"].labels, by_model(values, "predictions")
    frequent = errors.context(composed, values)["confusions"]
    for model, answer in predictions.items():
        counts = np.zeros((10, 10), int)
        np.add.at(counts, (labels, answer.labels), 1)
        (shown,) = re.findall(
            rf'<figure class="confusion" data-model="{model}">.*?</table>', html, re.DOTALL
        )
        misread = [error["index"] for error in composed["errors"][model]]
        np.testing.assert_array_equal(misread, np.flatnonzero(answer.labels != labels))
        wrong = counts[~np.eye(10, dtype=bool)]
        listed = [number for number, *_ in frequent[model]]
        assert listed == sorted(wrong[wrong > 0], reverse=True)[: errors.NUM_CONFUSIONS_SHOWN]
        cells = re.findall(r"<td[^>]*>(?:<button[^>]*>)?(\d*)", shown)
        np.testing.assert_array_equal([int(cell or 0) for cell in cells], counts.ravel())
        heard = re.findall(r"(\d+) of class (\d) predicted as (\d);", shown)
        assert {(int(i), int(j)): int(number) for number, i, j in heard} == {
            (i, j): count for (i, j), count in np.ndenumerate(counts) if count and i != j
        }
        if model == values["champion"].model:
            both_ways = np.triu(counts + counts.T, 1)
            i, j = np.unravel_index(both_ways.argmax(), both_ways.shape)
            of_both = f"{both_ways[i, j]} of these {np.isin(labels, (i, j)).sum():,} digits"
            assert f"confuses {i} and {j} most: it takes {of_both} for" in text
    pairs = values["model_comparison"].pairs
    for pair in pairs:
        first, second = (predictions[name].labels == labels for name in (pair.first, pair.second))
        names = f"{MODELS[pair.first].short_title}, {MODELS[pair.second].short_title}"
        only = f"{(first & ~second).sum()} {(second & ~first).sum()}"
        verdict = "significant" if pair.p_value < 0.05 / len(pairs) else "may be chance"
        assert f" {names} {only} {probability(pair.p_value)} {verdict} " in text


def test_accuracies_under_disturbances_are_those_of_the_stored_table(composed, values, text):
    table, champion = values["robustness"], values["champion"].model
    count = int(table["count"].iloc[0])
    neutral = table["disturbance"].map({name: kind.neutral for name, kind in DISTURBANCES.items()})
    accuracy, is_neutral = table["accuracy"].to_numpy(), table["amount"] == neutral
    disturbances = zip(table["disturbance"], table["amount"], strict=True)
    is_small_amount = np.array([is_small(*disturbance) for disturbance in disturbances])
    for model, found in MODELS.items():
        is_model = table["model"] == model
        disturbed = is_model & ~is_neutral
        shares = (
            accuracy[is_model & is_neutral].max(),
            accuracy[disturbed & is_small_amount].mean(),
            accuracy[disturbed].mean(),
            accuracy[disturbed].min(),
            1 - (1 - accuracy[disturbed & table["disturbance"].isin(CORRUPTED)]).mean(),
        )
        cells = " ".join(f"{share:.1%} {interval(share, count)}" for share in shares)
        star = " champion ★" if model == champion else ""
        assert f" {found.title}{star} {cells} " in text
    charts = trust.charts(composed, values)
    for name, rows in table.groupby("disturbance"):
        accuracies = rows.pivot(index="model", columns="amount", values="accuracy")
        shown = composed["robustness"]["disturbances"][name]
        for model, shares in shown["accuracies"].items():
            np.testing.assert_array_equal(shares, accuracies.loc[model, shown["amounts"]])
        if name in CORRUPTED:
            share = estimate(1 - accuracies.loc[champion, 1], count)
            title = CORRUPTED[name].replace("_", " ").capitalize()
            assert f"{title}: the {MODELS[champion].title.lower()} misclassifies {share}." in text
            continue
        drawn = lines(charts[f"robustness_{name}"])[1:]  # after that of the neutral amount
        for line, model in zip(drawn, shown["accuracies"], strict=True):
            expected = accuracies.loc[model]
            np.testing.assert_allclose(line.T, [expected.index, 100 * expected])


def test_pictures_of_a_corruption_are_first_those_that_the_champion_misreads(composed, values):
    pictures = trust.pictures(composed, values)["disturbed"]
    shown = composed["robustness"]["shown"]["labels"]
    for name in CORRUPTED:
        (answers,) = composed["robustness"]["disturbances"][name]["answers"][-1:]
        count = np.count_nonzero(np.array(answers) != shown)
        is_wrong = [label != answer for _, _, label, answer in pictures[name]]
        assert is_wrong == sorted(is_wrong, reverse=True)
        assert sum(is_wrong) == min(count, trust.NUM_CORRUPTED_SHOWN)


def test_the_fair_sample_of_the_page_is_marked_among_its_test_images(composed, values):
    images = arrays.choose_images(composed, values)
    assert images.is_sampled.shape == images.test.shape
    expected = sample(len(values["test_digits"].labels), np.count_nonzero(images.is_sampled))
    np.testing.assert_array_equal(images.test[images.is_sampled], np.sort(expected))


def test_only_images_that_the_network_reads_are_changed_to_fool_it(values, monkeypatch):
    images, labels = values["test_digits"]
    shares = np.eye(10)[labels]
    shares[::2] = np.roll(shares[::2], 1, axis=1)  # half of them are misread
    attacked = []

    def attack(_, chosen, *__):
        attacked.extend(map(bytes, chosen))
        return chosen, np.zeros(len(chosen), bool)

    monkeypatch.setattr("mnist_pipeline.methods.networks.attack.attack", attack)
    predictions = values["cnn_predictions"]._replace(probabilities=shares)
    found = trust.numbers({**values, "cnn_predictions": predictions})["robustness"]["fooling"]
    assert found["num_images"] == len(attacked) > 0
    assert set(attacked) <= set(map(bytes, images[1::2]))
