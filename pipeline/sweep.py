"""`phon sweep`: a study, run to its end: every cell from every seed at one budget, in a ledger, with a report."""

import click

from pipeline import show
from pipeline.errors import PipelineError
from pipeline.options import json_option, workspace_option
from train import study as studies
from train.workspace import Workspace

FOLDER, LEDGER = "studies", "ledger.jsonl"  # in a workspace, and in a study's folder


def say(line: str) -> None:
    """A line of progress."""
    click.echo(show.printable(line), err=True)


@click.command("sweep")
@click.argument("study", required=False)
@click.option("--seeds", type=click.IntRange(1), metavar="N", help="In place of the study's own number.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Trainings at a time; by default one a GPU or core.")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="Where they run."
)
@click.option("--address", metavar="HOST:PORT", help="Of a Ray cluster; by default RAY_ADDRESS, or this machine alone.")
@click.option("--dry-run", is_flag=True, help="Show the cells, made equal, and train nothing.")
@click.option("--report", is_flag=True, help="Draw the report from the ledger alone, and train nothing.")
@workspace_option
@json_option
def command(
    study: str | None,
    seeds: int | None,
    jobs: int | None,
    engine: str,
    address: str | None,
    dry_run: bool,
    report: bool,
    workspace: Workspace,
    as_json: bool,
) -> None:
    """Run a study: several models at one budget, each from several seeds.

    STUDY is one that comes with the program, or a .toml file; without it they are listed. Stopped, it goes on where it
    was. All it makes is in studies/NAME of the workspace.

    Example: phon sweep heads --dry-run
    """
    if study is None:
        click.echo("\n".join(f"{name.ljust(24)}{studies.load(name)[1].question}" for name in studies.names()))
        return
    from pipeline.study_report import draw

    if report:
        name = studies.load(study)[0]
        path = workspace.root / FOLDER / name / LEDGER
        if not path.is_file():
            raise PipelineError(f"there is no {path}", hint=f"phon sweep {study}")
        click.echo(str(draw(path, path.parent)))
        return
    from pipeline import course  # slow: torch
    from pipeline.studies import cell_record, open_study

    sweep = open_study(study, workspace, say, seeds)
    if dry_run and as_json:
        show.as_json([cell_record(one) for one in sweep.solved])
        return
    click.echo("\n".join([sweep.study.question, *course.lines(sweep)]), err=not dry_run)
    if dry_run:
        return
    if engine == "ray":
        from pipeline.cluster import there

        failed = course.run(sweep, there(address, jobs), say)
    else:
        from pipeline.devices import here

        failed = course.run(sweep, here(jobs), say)
    drawn = draw(sweep.path, sweep.folder)
    if as_json:
        show.as_json({"ledger": str(sweep.path), "report": str(drawn), "failed": failed})
    else:
        click.echo(str(drawn))
    if failed:
        raise PipelineError(
            f"{failed} of {len(sweep.jobs())} trainings failed: {sweep.folder / 'said'} has their words",
            hint="run the same command again to try them once more",
        )
