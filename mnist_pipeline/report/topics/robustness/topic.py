"""How far to trust the answers: disturbed images, calibration, and shapes unlike all classes."""

import numpy as np

from mnist_pipeline.evaluation import robustness
from mnist_pipeline.evaluation.robustness import CORRUPTED, Curves
from mnist_pipeline.methods.table import MODELS, assets_of_models, by_model
from mnist_pipeline.report import figures
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
    rounded_weights,
)

READS = (
    *("data_set", "test_digits", "robustness", "champion", "recognizer"),
    *("cnn_model", "cnn_predictions"),
    *assets_of_models("evaluation"),
)
STORY = Part(60, "trust", "Fool it", "robustness/story.html.j2")
NUM_ATTACKED = 20  # test images
REACH = 64  # grey levels: the largest change in which a person still reads the image
NUM_CORRUPTED_SHOWN = 8  # images of each corruption
# Of a weight of the novelty, per sign: 1 in 1,000 of MNIST's test digits is doubted differently.
LEVELS = 2**8


def numbers(values: Values) -> Named:
    """The accuracy of each model under each disturbance, and the champion's answers to the images
    in `shown`.

    The summary of a model has its accuracy without disturbances, the mean under small ones, the
    mean and the least of all, and the mean error under the corruptions of MNIST-C. `fooling` is
    about changes that are made to fool the CNN.
    """
    curves, num_images = _measured(values)
    labels = values["test_digits"].labels
    answers = robustness.answers(values["robustness"], values["champion"].model)
    shown = robustness.sample(len(labels), num_images)[: robustness.SHOWN]
    return {
        "robustness": {
            "num_images": num_images,
            "num_disturbances": sum(len(curve.amounts) - 1 for curve in curves.values()),
            "disturbances": {
                name: {
                    **curve._asdict(),
                    "small": list(robustness.DISTURBANCES[name].small),
                    "like_training": robustness.LIKE_TRAINING.get(CORRUPTED.get(name, "")),
                    "answers": answers[name],
                }
                for name, curve in curves.items()
            },
            "shown": {"indices": shown.tolist(), "labels": labels[shown].tolist()},
            "models": {model: robustness.summary(curves, model) for model in MODELS},
            "fooling": _fooling(values),
        }
    }


def _fooling(values: Values) -> Named:
    """How many test images, of some that the CNN classifies correctly, a change of at most `reach`
    grey levels turns into its second choice, with how much certainty, and how many of the changed
    images people are warned of. `name` is the class of the first of them.
    """
    # Imported here, because torch is slow to import.
    from mnist_pipeline.methods.networks import attack

    fitted, (images, labels) = values["cnn_model"], values["test_digits"]
    shares = values["cnn_predictions"].probabilities
    sampled = robustness.sample(len(labels), 2 * NUM_ATTACKED)
    chosen = sampled[shares[sampled].argmax(axis=1) == labels[sampled]][:NUM_ATTACKED]
    targets = shares[chosen].argsort(axis=1)[:, -2]
    changed, is_sure = attack.attack(fitted, images[chosen], targets, REACH)
    answers = values["recognizer"].recognize(changed[is_sure])
    names = values["data_set"].class_names
    return {
        "reach": REACH,
        "sure": attack.SURE,
        "num_images": len(chosen),
        "fooled": int(is_sure.sum()),
        "doubted": sum(answer.is_doubtful for answer in answers),
        "name": names[labels[chosen[is_sure]][0]] if is_sure.any() else "",
    }


def _measured(values: Values) -> tuple[dict[str, Curves], int]:
    """The accuracies by disturbance, and the number of disturbed images."""
    table = values["robustness"]
    return robustness.curves(table), int(table["count"].iloc[0])


def charts(document: Document, values: Values) -> Named:
    """Accuracy against confidence of each model, and the accuracy under each disturbance."""
    curves, num_images = _measured(values)
    champion = values["champion"].model
    return {
        **{
            f"reliability_{name}": figures.reliability(evaluation.calibration, MODELS[name].title)
            for name, evaluation in by_model(values, "evaluation").items()
        },
        **{
            f"robustness_{name}": figures.robustness({name: curve}, num_images, champion)
            for name, curve in curves.items()
            if name not in CORRUPTED
        },
    }


def pictures(document: Document, values: Values) -> Named:
    """For each disturbance some pictures, with the amount, the label and the champion's answer.

    A corruption has several images, misread images first. Any other disturbance has the image that
    is misread most often, in each amount.
    """
    measured = document["robustness"]
    labels = measured["shown"]["labels"]
    shown_as = values["data_set"].shown
    undisturbed = values["test_digits"].images[measured["shown"]["indices"]]
    by_disturbance = {}
    for name, disturbance in measured["disturbances"].items():
        answers = np.array(disturbance["answers"])  # (n_amounts, n_shown)
        is_wrong = answers != labels
        if name in CORRUPTED:
            first_amount = -1
            shown = np.argsort(~is_wrong[-1], kind="stable")[:NUM_CORRUPTED_SHOWN].tolist()
        else:
            first_amount = 0
            shown = [int(is_wrong.sum(axis=0).argmax())]
        rows = []
        for amount, answered in list(zip(disturbance["amounts"], answers.tolist()))[first_amount:]:
            disturbed = shown_as(robustness.disturb(undisturbed, name, amount))
            for index in shown:
                picture = drawn.picture(disturbed[index])
                rows.append((picture, amount, labels[index], answered[index]))
        by_disturbance[name] = rows
    return {"disturbed": by_disturbance}


def context(document: Document, values: Values) -> Named:
    """The titles of the corruptions of MNIST-C."""
    titles = {key: name.replace("_", " ").capitalize() for key, name in CORRUPTED.items()}
    return {"corrupted": titles}


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The novelty detector of the recognizer, without its reference scores."""
    packed = {}
    for name, array in values["recognizer"].novelty._asdict().items():
        if name in ("means", "components", "hidden_weight"):
            packed[f"novelty.{name}"] = rounded_weights(array, LEVELS)
        elif name != "reference":
            packed[f"novelty.{name}"] = Packed(array.astype(np.float32))
    return packed


def facts(values: Values) -> Named:
    """When an answer is doubted."""
    return {"doubt": values["recognizer"].rules()}
