"""Command that segments new images with a trained network."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.show import console, counting, print_facts, warn
from myosweep.cli.structure_option import Structures, named_structures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myosweep.metrics.clinical import Parts
    from myosweep.predict.model import Model
    from myosweep.predict.run import Outcome, Plan
    from myosweep.predict.turn import Turn
    from myosweep.predict.watch import Watch

Value = Annotated[
    list[str] | None,
    typer.Option(
        "--value",
        help="Of a study: the value whose networks answer, such as 0.0005, or l2.strength=0.0005; "
        "once for each swept field. All its finished networks answer together.",
    ),
]


class FormName(StrEnum):
    """``myosweep.predict.outputs.Form``, as typer takes a list of it."""

    png = "png"
    nifti = "nifti"
    dicom_seg = "dicom-seg"
    contours = "contours"
    overlay = "overlay"
    uncertainty = "uncertainty"
    measures = "measures"


_SHOWN = 20
_WORST = 5


def predict(
    model: Annotated[
        Path,
        typer.Argument(
            help="A run's folder (STUDY/runs/ID), a study's folder (with --value), or a model that "
            "`myosweep export` has written, such as model.onnx."
        ),
    ],
    images: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="A picture, NIfTI volume or Segment file, or a folder of those or of DICOM files.",
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the results; it may have some already.")],
    value: Value = None,
    as_: Annotated[
        list[FormName] | None,
        typer.Option(
            "--as",
            help="Once for each form of the results. Masks: png, nifti, dicom-seg; by default "
            "nifti of volumes and series, else png. Beside them: contours (JSON), overlay "
            "(pictures), uncertainty (the chance that each pixel is wrong), measures (volumes and "
            "masses, as measures.csv). A dicom-seg names the patient, so it is written beside its "
            "source.",
        ),
    ] = None,
    seg_folder: Annotated[
        Path | None,
        typer.Option(help="For dicom-seg: another folder, as well protected as the sources."),
    ] = None,
    heart: Annotated[
        Literal["search", "centre"],
        typer.Option(
            help="Images larger than the network's: search for the heart, or take the middle."
        ),
    ] = "search",
    turn: Annotated[
        Literal["0", "90", "180", "270"],
        typer.Option(
            help="Turn all images counter-clockwise, to lie as in training; masks lie as their "
            "images."
        ),
    ] = "0",
    mirror: Annotated[
        bool, typer.Option("--mirror", help="Exchange left and right first, before --turn.")
    ] = False,
    patient: Annotated[
        str | None,
        typer.Option(
            help="Pictures: a pattern that finds the patient in a file's name; the heart is then "
            "at one place in all pictures of a patient."
        ),
    ] = None,
    stack: Annotated[
        int | None, typer.Option(min=1, help="Segment files: the image stack to take.")
    ] = None,
    structure: Structures = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads; by default all.")
    ] = None,
    reliability: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="What `myosweep calibrate` wrote (reliability.json), for an exported model; of a "
            "study's own models it is found.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
) -> None:
    """Segment new images with a trained network; masks have the geometry of their source.

    Images are prepared as in training. What is there already is skipped, so a prediction that was
    stopped continues when it is started again. Research only, not a medical device.

    Examples: myosweep predict results/my-study new-images masks --value 0.0005;
    myosweep predict results/my-study/runs/1f3c... P07.nii.gz out --as nifti --as measures;
    myosweep predict exported/model.onnx dicom-folder out --as dicom-seg --as overlay --dry-run
    """
    from myosweep.predict.cases import find_cases
    from myosweep.predict.open import open_model
    from myosweep.predict.record import check_folder, mark_of, way_of
    from myosweep.predict.run import plan_prediction
    from myosweep.predict.run import predict as predict_all
    from myosweep.predict.turn import Turn
    from myosweep.predict.watch import find_calibration, watch_for

    opened = open_model(model, value or (), device=device, threads=threads)
    watch = watch_for(opened, find_calibration(model, opened, reliability))
    turned = Turn(int(turn), mirror)
    way = way_of(opened, heart, turned, patient)
    check_folder(out, way)
    found = find_cases(
        images,
        out=out,
        patient=patient,
        stack_number=stack,
        seg_folder=seg_folder,
        seg_mark=mark_of(way),
    )
    parts = _parts(opened, as_ or (), structure)
    scored = watch.copies is not None
    plan = plan_prediction(found, out, [one.value for one in as_ or ()], scored=scored)
    if dry_run:
        _show_plan(opened, plan, turned, out)
        return
    with counting("Predicting slices") as progress:
        outcome = predict_all(
            opened,
            plan,
            out,
            heart=heart,
            turn=turned,
            patient=patient,
            watch=watch,
            parts=parts,
            progress=progress,
        )
    _show_outcome(plan, outcome, out)
    _show_scores(outcome, watch)
    _show_measures(outcome)
    _show_cautions(opened, plan, outcome, turned)
    _raise_problems(outcome)


def _parts(
    model: "Model", forms: "Sequence[FormName]", structures: list[str] | None
) -> "Parts | None":
    """Which region of the model is which structure; None where nothing is measured."""
    from myosweep.errors import ConfigError
    from myosweep.metrics.clinical import check_named, parts_of

    if FormName.measures not in forms:
        if structures:
            raise ConfigError(
                "--structure is for measures alone: give --as measures, or leave it out"
            )
        return None
    named = named_structures(structures)
    check_named(named, model.facts.scheme)
    return parts_of(model.facts.scheme, named)


def _show_plan(model: "Model", plan: "Plan", turn: "Turn", out: Path) -> None:
    from myosweep.predict.grid import Grid

    facts = model.facts
    searched = sum(
        Grid.for_model(facts, case.size, case.spacing_yx_mm, turn).needs_search
        for case, _ in plan.todo
    )
    networks = len(facts.members)
    print_facts(
        "What would be done",
        [
            ("model", f"{networks} network{'s' if networks > 1 else ''}, {facts.digest[:12]}"),
            ("regions", ", ".join(facts.scheme.names)),
            ("network's input", f"{facts.height_px} x {facts.width_px} pixels"),
            ("to do", f"{len(plan.todo)} images or stacks, {plan.slices} slices"),
            ("larger than the input", f"{searched} images or stacks"),
            ("done before", f"{len(plan.done)} images or stacks"),
            ("results", ", ".join(sorted({form for _, forms in plan.todo for form in forms}))),
            ("folder", str(out)),
        ],
    )
    for problem in plan.problems[:_SHOWN]:
        warn(problem)


def _show_outcome(plan: "Plan", outcome: "Outcome", out: Path) -> None:
    before = f", {len(plan.done)} were there before" if plan.done else ""
    console.print(
        f"{outcome.cases} images or stacks with {outcome.slices} slices predicted{before}. "
        f"Results: {escape(str(out))}"
    )
    if any("dicom-seg" in forms for _, forms in plan.todo):
        warn(
            "DICOM SEG files name the patient, as the standard demands. They lie beside their "
            "sources, or in --seg-folder; keep them there."
        )


def _show_cautions(model: "Model", plan: "Plan", outcome: "Outcome", turn: "Turn") -> None:
    """What makes the results less sure."""
    from myosweep.predict.turn import AS_IT_IS
    from myosweep.predict.windows import DOUBTFUL

    if outcome.refitted:
        warn(
            f"{outcome.refitted} images or stacks have grey levels of another kind than the "
            f"training's; they were fitted by percentiles, so trust them less ({DOUBTFUL})."
        )
    if outcome.doubtful:
        shown = ", ".join(outcome.doubtful[:5])
        warn(
            f"In {len(outcome.doubtful)} images or stacks the heart was not found with confidence "
            f"({shown}{', ...' if len(outcome.doubtful) > 5 else ''}); {DOUBTFUL} lists them all. "
            "Look at them, or crop them."
        )
    is_blind = model.facts.spacing_mm is None and turn == AS_IT_IS
    if is_blind and any(case.kind != "picture" for case, _ in plan.todo):
        warn(
            "The network was trained on images of unknown spacing, probably pictures, so it is not "
            "known how they were turned. Compare some of these images with those; --turn and "
            "--mirror turn them alike."
        )


def _show_measures(outcome: "Outcome") -> None:
    """What was measured, and how far that can be relied on."""
    if not outcome.hearts:
        return
    count = len(outcome.hearts)
    known = sum(one.spacing.volume_known for one in outcome.hearts)
    without = sum(one.amounts.myocardium.pixels == 0 for one in outcome.hearts)
    console.print(
        f"measures.csv has volumes and masses of {count} heart{'s' if count > 1 else ''}, as the "
        "network's masks show them. How far they lie from a reader's, `myosweep clinical` says of "
        "the study's test patients."
    )
    if known < count:
        warn(
            f"Of {count - known} the spacing is not known, so there are pixels and per cent, but "
            "no millilitres and grams."
        )
    if without:
        warn(f"In {without} no myocardium was found.")


def _raise_problems(outcome: "Outcome") -> None:
    from myosweep.errors import DatasetError

    if outcome.problems:
        rest = len(outcome.problems) - _SHOWN
        told = [*outcome.problems[:_SHOWN], *([f"... and {rest} more"] if rest > 0 else [])]
        raise DatasetError(told, "everything else was predicted, but these could not be")


def _show_scores(outcome: "Outcome", watch: "Watch") -> None:
    """Which slices to look at first, and how far that can be relied on."""
    if not outcome.scores:
        return
    looks = [one for one in outcome.scores if one.look]
    if watch.calibration is None:
        console.print(
            f"slices.csv has the agreement on the {watch.region} of every slice, the lowest first. "
            "From where on to worry is not known: `myosweep calibrate` finds out."
        )
        return
    if watch.calibration.threshold is not None:
        console.print(
            f"Look at {len(looks)} of {len(outcome.scores)} slices; slices.csv lists them, worst "
            "first:"
        )
        for one in looks[:_WORST]:
            console.print(
                f"  {escape(one.case)}, slice {one.slice}: agreement {one.agreement:.2f}"
                f"{', ' + escape(one.words) if not one.pixels else ''}"
            )
        if len(looks) > _WORST:
            console.print(f"  ... and {len(looks) - _WORST} more")
    for sentence in watch.calibration.sentences:
        console.print(escape(sentence))
