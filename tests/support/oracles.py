"""The protocols again, by the code that defines each of them: what `pixelwise.metrics` has to agree with.

An oracle takes (prediction, truth) pairs of class ids, with void 255, and the number of classes. It gives the expected
values of some fields of `Scores`, or raises `RefusedError`. It shares nothing with the library. A new protocol needs
a new oracle: write down the official code, statement by statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

VOID = 255
Pairs = list[tuple[np.ndarray, np.ndarray]]
Expected = dict[str, Any]


class RefusedError(ValueError):
    """The official code stops with an error."""


def vocevalseg(pairs: Pairs, classes: int) -> Expected:
    """VOCevalseg.m, with its names. 0/0 is NaN, as in MATLAB; "average" is the mean that the devkit prints."""
    num = classes
    confcounts = np.zeros((num, num))
    for resim, gtim in pairs:
        gtim, resim = gtim.astype(np.float64), resim.astype(np.float64)
        maxlabel = resim.max()
        if maxlabel > num - 1:
            raise RefusedError(f"Results image has out of range value {maxlabel}")
        if gtim.shape != resim.shape:
            raise RefusedError("Results image is the wrong size")
        locs = gtim < 255
        sumim = 1 + gtim + resim * num
        hs = np.histogram(sumim[locs], bins=np.arange(1, num * num + 2))[0]
        confcounts += hs.reshape(num, num).T  # MATLAB fills columns first
    accuracies = np.zeros(num)
    for j in range(num):
        gtj = confcounts[j, :].sum()
        resj = confcounts[:, j].sum()
        gtjresj = confcounts[j, j]
        with np.errstate(invalid="ignore"):
            accuracies[j] = 100 * gtjresj / (gtj + resj - gtjresj)
    # The documented difference: the devkit has no mean if a class is absent from both.
    return {"iou": accuracies / 100, "miou": np.nanmean(accuracies) / 100,
            "pixel_accuracy": np.trace(confcounts) / confcounts.sum()}  # fmt: skip


def cityscapesscripts(pairs: Pairs, classes: int) -> Expected:
    """getIouScoreForLabel and getScoreAverage of evalPixelLevelSemanticLabeling.py; id `classes` is ignored in eval."""
    matrix = np.zeros((classes + 1, classes + 1), np.longlong)
    for prediction, truth in pairs:
        np.add.at(matrix, (np.minimum(truth, classes), np.minimum(prediction, classes)), 1)
    scores = []
    for label in range(classes):
        tp = matrix[label, label]
        fn = matrix[label, :].sum() - tp
        not_ignored = [other for other in range(classes) if other != label]
        fp = matrix[not_ignored, label].sum()
        denom = tp + fp + fn
        scores.append(float("nan") if denom == 0 else float(tp) / denom)
    known = [s for s in scores if not np.isnan(s)]
    return {"iou": scores, "miou": sum(known) / len(known)}


def sceneparsing(pairs: Pairs, classes: int) -> Expected:
    """demoEvaluation.m and utils_eval.py: 0 is unlabeled, classes are 1..N; eps in the denominator."""
    intersection, union, correct, labeled = np.zeros(classes), np.zeros(classes), 0, 0
    for prediction, truth in pairs:
        lab = np.where(truth == VOID, 0, truth.astype(np.int64) + 1)
        pred = (prediction.astype(np.int64) + 1) * (lab > 0)
        limits = {"bins": classes, "range": (1, classes)}
        both = np.histogram(pred * (pred == lab), **limits)[0]
        intersection += both
        union += np.histogram(pred, **limits)[0] + np.histogram(lab, **limits)[0] - both
        labeled += np.sum(lab > 0)
        correct += np.sum((pred == lab) * (lab > 0))
    iou = intersection / (np.spacing(1) + union)
    return {"iou": iou, "miou": iou.mean(), "pixel_accuracy": correct / labeled,
            "final_score": (correct / labeled + iou.mean()) / 2}


def mean_iou_of_evaluate(pairs: Pairs, num_labels: int, histogram: Any = np.histogram) -> Expected:
    """Hugging Face `evaluate`, mean_iou.py: the sums and quotients of its formula, which is mmseg's IoUMetric."""
    intersect, union, label = (np.zeros(num_labels) for _ in range(3))
    for prediction, truth in pairs:
        mask = truth != VOID
        p, t = prediction[mask], truth[mask]
        limits = {"bins": num_labels, "range": (0, num_labels - 1)}
        both, of_p, of_t = (histogram(x, **limits)[0] for x in (p[p == t], p, t))
        intersect += both
        union += of_p + of_t - both
        label += of_t
    with np.errstate(invalid="ignore", divide="ignore"):
        iou, accuracy = intersect / union, intersect / label
    return {"iou": iou, "miou": np.nanmean(iou), "mean_accuracy": np.nanmean(accuracy),
            "pixel_accuracy": intersect.sum() / label.sum()}  # fmt: skip


def detectron2_evaluate(pairs: Pairs, n: int) -> Expected:
    """SemSegEvaluator.process and .evaluate, as written there; rows are predictions."""
    matrix = np.zeros((n + 1, n + 1), np.int64)
    for prediction, truth in pairs:
        gt = np.where(truth == VOID, n, truth).astype(int)
        pred = np.minimum(prediction, n).astype(int)
        matrix += np.bincount((n + 1) * pred.reshape(-1) + gt.reshape(-1), minlength=matrix.size).reshape(matrix.shape)
    acc, iou = np.full(n, np.nan), np.full(n, np.nan)
    tp = matrix.diagonal()[:-1].astype(float)
    pos_gt = np.sum(matrix[:-1, :-1], axis=0).astype(float)
    class_weights = pos_gt / np.sum(pos_gt)
    pos_pred = np.sum(matrix[:-1, :-1], axis=1).astype(float)
    acc_valid = pos_gt > 0
    acc[acc_valid] = tp[acc_valid] / pos_gt[acc_valid]
    union = pos_gt + pos_pred - tp
    iou_valid = np.logical_and(acc_valid, union > 0)
    iou[iou_valid] = tp[iou_valid] / union[iou_valid]
    return {"iou": iou, "mean_accuracy": np.sum(acc[acc_valid]) / np.sum(acc_valid),
            "miou": np.sum(iou[iou_valid]) / np.sum(iou_valid),
            "frequency_weighted_iou": np.sum(iou[iou_valid] * class_weights[iou_valid]),
            "pixel_accuracy": np.sum(tp) / np.sum(pos_gt)}  # fmt: skip


def _torchmetrics_confusion(pairs: Pairs, classes: int) -> np.ndarray:
    # _multiclass_confusion_matrix_tensor_validation and _update: ignored targets are dropped, then bincount.
    confmat = np.zeros((classes, classes))
    for preds, target in pairs:
        preds, target = preds[target != VOID].astype(np.int64), target[target != VOID].astype(np.int64)
        if preds.size and preds.max() >= classes:
            raise RefusedError(f"Detected more unique values in `preds` than expected: {preds.max()}")
        confmat += np.bincount(target * classes + preds, minlength=classes**2).reshape(classes, classes)
    return confmat


def torchmetrics_macro(pairs: Pairs, classes: int) -> Expected:
    """_jaccard_index_reduce(average="macro"), and _accuracy_reduce for MulticlassAccuracy(average="macro")."""
    confmat = _torchmetrics_confusion(pairs, classes)
    num = np.diag(confmat)
    denom = confmat.sum(0) + confmat.sum(1) - num
    weights = np.where(confmat.sum(1) + confmat.sum(0) == 0, 0.0, 1.0)
    iou = np.divide(num, denom, out=np.zeros(classes), where=denom > 0)
    accuracy = np.divide(num, confmat.sum(1), out=np.zeros(classes), where=confmat.sum(1) > 0)
    return {"iou": np.where(weights > 0, iou, np.nan), "miou": (weights * iou).sum() / weights.sum(),
            "mean_accuracy": (weights * accuracy).sum() / weights.sum()}  # fmt: skip


def torchmetrics_micro(pairs: Pairs, classes: int) -> Expected:
    """_jaccard_index_reduce(average="micro")."""
    confmat = _torchmetrics_confusion(pairs, classes)
    num = np.diag(confmat)
    denom = confmat.sum(0) + confmat.sum(1) - num
    return {"miou": num.sum() / denom.sum(), "pixel_accuracy": num.sum() / confmat.sum()}


def of_each_image(pairs: Pairs, classes: int) -> Expected:
    """The mean over images of the IoU of the sets of pixels of each class; images that are all void are left out."""
    ious, accuracies = [], []
    for prediction, truth in pairs:
        known = truth != VOID
        if not known.any():
            continue
        row = np.full(classes, np.nan)
        for c in range(classes):
            p, t = (prediction == c) & known, (truth == c) & known
            if (p | t).any():
                row[c] = (p & t).sum() / (p | t).sum()
        ious.append(row)
        accuracies.append((prediction == truth)[known].mean())
    shown = ~np.isnan(np.array(ious)).all(axis=0)
    by_class = np.full(classes, np.nan)
    by_class[shown] = np.nanmean(np.array(ious)[:, shown], axis=0)
    return {"iou": by_class, "miou": np.mean([np.nanmean(row) for row in ious]),
            "pixel_accuracy": np.mean(accuracies)}  # fmt: skip


def jdtlosses_images(pairs: Pairs, num_classes: int) -> Expected:
    """AccuracyMetric(binary=False) of JDTLosses: add, valueI and reduceI, with its names. Outside is no class."""
    tp, fp, fn, active = _jdtlosses_counts(pairs, num_classes)
    with np.errstate(invalid="ignore"):
        iou = tp / (tp + fp + fn)
        accuracy = tp / (tp + fn)
    iou[~active] = 0
    accuracy[~active] = 0
    with np.errstate(invalid="ignore"):
        by_class = iou.sum(axis=0) / active.sum(axis=0)
    return {"iou": by_class, "miou": np.mean(iou.sum(axis=1) / active.sum(axis=1)),
            "mean_accuracy": np.mean(accuracy.sum(axis=1) / active.sum(axis=1))}  # fmt: skip


def jdtlosses_classes(pairs: Pairs, num_classes: int) -> Expected:
    """valueC and reduceC of the same. The documented difference: a class that is in no image has no mean there."""
    tp, fp, fn, active = _jdtlosses_counts(pairs, num_classes)
    with np.errstate(invalid="ignore"):
        value_matrix = tp / (tp + fp + fn)
    value_matrix[~active] = 1e6
    active_sum = active.sum(axis=0)
    mask = np.arange(len(tp)).reshape(-1, 1) < active_sum
    with np.errstate(invalid="ignore"):
        value = (mask * np.sort(value_matrix, axis=0)).sum(axis=0) / active_sum
    return {"iou": value, "miou": np.nanmean(value)}


def _jdtlosses_counts(pairs: Pairs, num_classes: int) -> tuple[np.ndarray, ...]:
    rows = []
    for pred, label in pairs:
        keep = label != VOID
        if not keep.any():
            continue
        p = pred[keep][:, None] == np.arange(num_classes)
        t = label[keep][:, None] == np.arange(num_classes)
        rows.append([(p & t).sum(0), (p & ~t).sum(0), (~p & t).sum(0), t.any(0)])
    tp, fp, fn, active = (np.array(column) for column in zip(*rows, strict=True))
    return tp, fp, fn, active.astype(bool)


def _image_dice_and_iou(pairs: Pairs, classes: int, empty: float) -> tuple[np.ndarray, np.ndarray]:
    """(N, C) each: of the sets of pixels of a class in an image; `empty` where both sets are. Void is left out."""
    dice, iou = [], []
    for prediction, truth in pairs:
        known = truth != VOID
        if not known.any():
            continue
        dice.append(np.full(classes, empty))
        iou.append(np.full(classes, empty))
        for c in range(classes):
            p, t = (prediction == c) & known, (truth == c) & known
            if p.any() or t.any():
                dice[-1][c] = 2 * (p & t).sum() / (p.sum() + t.sum())
                iou[-1][c] = (p & t).sum() / (p | t).sum()
    return np.array(dice), np.array(iou)


def kaggle_masks(pairs: Pairs, classes: int) -> Expected:
    """The mean over all pairs of image and class of the Dice of their masks, 1 if both are empty; no background."""
    dice, iou = _image_dice_and_iou(pairs, classes, 1.0)
    return {"mean_dice": dice[:, 1:].mean(), "miou": iou[:, 1:].mean()}


def monai_with_empties(pairs: Pairs, classes: int) -> Expected:
    """DiceMetric and MeanIoU(ignore_empty=False, reduction="mean"), and SMP's macro-imagewise."""
    dice, iou = _image_dice_and_iou(pairs, classes, 1.0)
    return {"mean_dice": dice.mean(), "miou": iou.mean()}


def smp_micro_imagewise(pairs: Pairs, classes: int) -> Expected:
    """segmentation_models.pytorch: get_stats, then _compute_metric(reduction="micro-imagewise")."""
    scores = []
    for output, target in pairs:
        known = target != VOID
        if not known.any():
            continue
        o, t = (a[known][:, None] == np.arange(classes) for a in (output, target))
        tp, fp, fn = (o & t).sum(), (o & ~t).sum(), (~o & t).sum()
        scores.append(tp / (tp + fp + fn))
    return {"miou": np.mean(scores)}


def nnunet_folder(pairs: Pairs, classes: int) -> Expected:
    """compute_metrics_on_folder: np.nanmean over cases of each label, then foreground_mean over the labels from 1."""
    dice, iou = _image_dice_and_iou(pairs, classes, np.nan)
    shown = ~np.isnan(dice).all(axis=0)
    means, ious = ([np.nanmean(table[:, c]) for c in range(1, classes) if shown[c]] for table in (dice, iou))
    return {"mean_dice": np.mean(means) if means else np.nan, "miou": np.mean(ious) if ious else np.nan}


def cocostuffeval(pairs: Pairs, classes: int) -> Expected:
    """_accumulateConfusion and _computeMetrics, with their names; labels start at 1 there."""
    confusion = np.zeros((classes, classes))
    for res, gt in pairs:
        if res.max() >= classes:
            raise RefusedError("Invalid classes predicted in the result file")
        valid = gt != VOID
        np.add.at(confusion, (gt[valid], res[valid]), 1)
    total = confusion.sum()
    tp, pos_pred, pos_gt = np.diagonal(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    valid = pos_gt > 0
    ious = np.full(classes, np.nan)
    ious[valid] = tp[valid] / (pos_gt + pos_pred - tp)[valid]
    freqs = pos_gt / total
    return {"iou": ious, "miou": np.mean(ious[valid]), "frequency_weighted_iou": np.sum(ious[valid] * freqs[valid]),
            "mean_accuracy": np.mean(tp[valid] / pos_gt[valid]), "pixel_accuracy": tp.sum() / total}  # fmt: skip


def fast_hist(pairs: Pairs, n: int) -> Expected:
    """score.py of fcn.berkeleyvision.org: fast_hist and the means that it prints."""
    hist = np.zeros((n, n))
    for b, a in pairs:
        k = a < n
        found = np.bincount(n * a[k].astype(int) + b[k], minlength=n**2)
        if b[k].size and b[k].max() >= n:  # there: a wrong cell, or a shape that does not fit
            raise RefusedError("cannot reshape")
        hist += found.reshape(n, n)
    with np.errstate(invalid="ignore"):
        acc = np.diag(hist) / hist.sum(1)
        iu = np.diag(hist) / (hist.sum(1) + hist.sum(0) - np.diag(hist))
    freq = hist.sum(1) / hist.sum()
    return {"iou": iu, "miou": np.nanmean(iu), "mean_accuracy": np.nanmean(acc),
            "pixel_accuracy": np.diag(hist).sum() / hist.sum(),
            "frequency_weighted_iou": (freq[freq > 0] * iu[freq > 0]).sum()}  # fmt: skip


def mapillary_vistas(pairs: Pairs, classes: int) -> Expected:
    """calculate_confusion_matrix_from_arrays, reduce_evaluation_to_evaluated_categories, calculate_iou, print_ious."""
    nr_labels = classes + 1  # the last is not evaluated
    matrix = np.zeros((nr_labels, nr_labels))
    for prediction, truth in pairs:
        rows = np.stack([np.minimum(truth, classes).ravel(), np.minimum(prediction, classes).ravel()], axis=1)
        limits = {"bins": (nr_labels, nr_labels), "range": [(0, nr_labels), (0, nr_labels)]}
        matrix += np.histogramdd(rows, **limits)[0]
    matrix = matrix[:classes, :classes]
    tp = np.diag(matrix)
    denom = matrix.sum(axis=0) + matrix.sum(axis=1) - tp
    ious = np.divide(tp, denom, out=np.full(classes, np.nan), where=denom > 0)
    return {"iou": ious, "miou": np.average(ious[denom > 0]) if (denom > 0).any() else np.nan}


def void_as_background(pairs: Pairs, classes: int) -> Expected:
    """The common reader that knows no void: 255 becomes class 0, and then everything counts."""
    return mean_iou_of_evaluate([(p, np.where(t == VOID, 0, t)) for p, t in pairs], classes)


ORACLES: dict[str, Callable[[Pairs, int], Expected]] = {
    "voc": vocevalseg,
    "cityscapes": cityscapesscripts,
    "ade20k": sceneparsing,
    "mmseg": mean_iou_of_evaluate,
    "detectron2": detectron2_evaluate,
    "torchmetrics-macro": torchmetrics_macro,
    "torchmetrics-micro": torchmetrics_micro,
    "per-image": jdtlosses_images,
    "per-image-classes": jdtlosses_classes,
    "per-image-foreground": kaggle_masks,
    "per-image-union": of_each_image,
    "per-image-empties": monai_with_empties,
    "per-image-micro": smp_micro_imagewise,
    "nnunet": nnunet_folder,
    "context-59": mean_iou_of_evaluate,  # of 60 classes: a test of its own
    "context-60": mean_iou_of_evaluate,
    "coco-stuff": cocostuffeval,
    "lip": fast_hist,
    "mapillary": mapillary_vistas,
    "kitti": cityscapesscripts,
    "void-as-background": void_as_background,
}
"""The oracle of every protocol; a test fails if one is missing."""


# -- sliding windows ------------------------------------------------------------------------------------------


def mmseg_windows(
    image: tuple[int, int], crop: tuple[int, int], stride: tuple[int, int]
) -> list[tuple[int, int, int, int]]:
    """(y0, x0, y1, x1) of the windows of mmsegmentation's `slide_inference`: as many as fit, the last moved back."""
    (h, w), (ch, cw), (sh, sw) = image, crop, stride
    rows, columns = (max(n - c + s - 1, 0) // s + 1 for n, c, s in ((h, ch, sh), (w, cw, sw)))
    found = []
    for i in range(rows):
        for j in range(columns):
            y1, x1 = min(i * sh + ch, h), min(j * sw + cw, w)
            found.append((max(y1 - ch, 0), max(x1 - cw, 0), y1, x1))
    return found
