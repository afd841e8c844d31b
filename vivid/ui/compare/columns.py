"""The controls of the columns; only those that the column's generator uses are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ...generators import Capabilities
from ..context import Context
from ..strings import parts, t
from ..widgets import line, lines
from .settings import FIELDS, LETTERS, NUMBERS, OWN, SWITCHES, Comparison, Variant, settings_used_by


@dataclass
class Controls:
    """One column: its controls in the order of FIELDS, and a line about its generator."""

    box: gr.Column
    fields: dict[str, Any]
    note: gr.HTML

    def outputs(self) -> list[Any]:
        """All components that `suit` updates."""
        return [*self.fields.values(), self.note]

    def suit(self, context: Context, model: str, variant: Variant | None = None) -> dict[Any, Any]:
        """Updates that show the controls that this generator uses, and put a variant into them. Errors: InputError."""
        can = context.capabilities_of(model)
        used = settings_used_by(can) if can is not None else ()
        changes: dict[Any, dict[str, Any]] = {
            control: {"visible": name in used} for name, control in self.fields.items()
        }
        models = choices(context)
        changes[self.fields["model"]] = {"visible": len(models) > 1, "choices": models or [("…", OWN)]}
        if can is not None:  # the seed means different things
            changes[self.fields["seed"]]["label"] = t("compare_seed_noise" if can.steps else "compare_seed_sway")
        if variant is not None:
            for name, control in self.fields.items():
                changes[control]["value"] = _shown(getattr(variant, name))
        changes[self.note] = {"value": about(can)}
        return {component: gr.update(**values) for component, values in changes.items()}


def choices(context: Context) -> list[tuple[str, str]]:
    """(title, name) of the available generators, the server's own first."""
    own = context.engine.capabilities
    return [] if own is None else [(own.name, OWN), *((name, name) for name in context.models())]


def about(can: Capabilities | None) -> str:
    """Notes about a generator, as HTML."""
    if can is None:
        return lines(line("info", "model_loading"))
    said = [line("warn", "compare_rendered", model=can.name)] if can.portraits == "rendered" else []
    missing = [name for name in SWITCHES if name in can.untrained]
    if missing:
        said.append(line("info", "compare_no_untrained", parts=parts(missing)))
    if {"steps", "guidance_audio"} & set(settings_used_by(can)):
        said.append(line("info", "compare_own"))
    return lines(*said)


def build_column(k: int, variant: Variant) -> Controls:
    """The controls of the k-th column, hidden until the generator is known to use them."""
    fields: dict[str, Any] = {}
    with gr.Column(visible=k < 2, min_width=200, elem_classes="vivid-card vc-column") as box:
        gr.HTML(f'<b class="vc-letter">{LETTERS[k]}</b>', padding=False)
        fields["model"] = gr.Dropdown(
            [("…", OWN)], value=OWN, label=t("compare_model"), visible=False, elem_id=f"compare-model-{LETTERS[k]}"
        )
        note = gr.HTML(padding=False, elem_id=f"compare-note-{LETTERS[k]}")
        for pair in (("seed", "steps"), ("guidance_audio", "guidance_image")):
            with gr.Row():
                for name in pair:
                    least, most = NUMBERS[name]
                    whole: dict[str, Any] = {"precision": 0} if name in ("seed", "steps") else {"step": 0.1}
                    fields[name] = gr.Number(
                        _shown(getattr(variant, name)), label=t(f"compare_{name}"), minimum=least, maximum=most,
                        min_width=80, visible=False, elem_id=f"compare-{name}-{LETTERS[k]}", **whole,
                    )  # fmt: skip
        for name in SWITCHES:
            fields[name] = gr.Checkbox(
                getattr(variant, name), label=t(f"compare_{name}"), container=False, visible=False,
                elem_id=f"compare-{name}-{LETTERS[k]}",
            )  # fmt: skip
    return Controls(box, {name: fields[name] for name in FIELDS}, note)


def _shown(value: Any) -> Any:
    """Number fields show None as 0."""
    return 0 if value is None else value


def read_variants(number: int, given: tuple[Any, ...]) -> tuple[Variant, ...]:
    """The first `number` columns from the values of all controls. Errors: InputError."""
    rows = [dict(zip(FIELDS, given[k * len(FIELDS) :], strict=False)) for k in range(int(number))]
    for row in rows:
        row["seed"] = row["seed"] or 0
        row["model"] = row["model"] or OWN
    return Comparison(tuple(Variant(**row) for row in rows)).variants


def wanted_variants(context: Context, number: int, given: tuple[Any, ...]) -> tuple[Variant, ...]:
    """The same, each reduced to what its generator uses. Errors: InputError, also while the own one loads."""
    variants = read_variants(number, given)
    context.engine.pipeline(timeout=0.0)
    powers = [context.capabilities_of(variant.model) for variant in variants]
    return tuple(variant.reduced_to(can) for variant, can in zip(variants, powers, strict=True) if can is not None)
