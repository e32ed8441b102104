"""Command that shows studies in a browser, also while they run."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from myosweep.cli.show import console, warn


def serve(
    folder: Annotated[
        Path,
        typer.Argument(help="A study's folder, or a folder with several, such as results."),
    ],
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Any other than this computer's own (127.0.0.1) can be "
            "reached by others, so it needs a token, which is shown once."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any that is free.")
    ] = 8765,
    token: Annotated[
        bool,
        typer.Option("--token", help="Ask for a token on this computer, too: others work on it."),
    ] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the pages in this computer's browser.")
    ] = False,
) -> None:
    """See studies in a browser, also while they run: progress, conclusion, every slice, curves.

    Two studies stand side by side, a network answers on an image that you give it, figures, tables
    and networks are saved. Nothing leaves this computer. Ctrl-C ends the server; runs go on.

    Examples: myosweep serve results/emidec-l2 --open; myosweep serve results --port 9000; myosweep
    serve results --host 0.0.0.0
    """
    from myosweep.serve.run import open_server

    with open_server(folder, host, port, needs_token=token) as server:
        console.print(f"Studies in {escape(folder.name or str(folder))}: {escape(server.address)}")
        if server.needs_token:
            warn(
                "This address holds the token that lets you in. It is shown this once; give it to "
                "those who may see the studies, and to nobody else. The connection is not "
                "encrypted: use it in a network that you trust, or through an SSH tunnel."
            )
        console.print("Ctrl-C ends it.")
        if open_:
            typer.launch(server.address)
        server.run()
