// Starts `kapacitor lsp` for TICKscripts, and restarts it when its path is changed.
"use strict";

const { window, workspace } = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

async function start() {
    const command = workspace.getConfiguration("tickscript").get("kapacitor.path") || "kapacitor";
    const server = { command, args: ["lsp"], transport: TransportKind.stdio };
    client = new LanguageClient("tickscript", "TICKscript", server, {
        documentSelector: [{ language: "tickscript" }],
    });
    try {
        await client.start();
    } catch (error) {
        window.showErrorMessage(
            `TICKscript: cannot run "${command} lsp": ${error.message}. Set tickscript.kapacitor.path to the program kapacitor.`
        );
    }
}

async function stop() {
    const running = client;
    client = undefined;
    if (running && running.needsStop()) {
        await running.stop();
    }
}

exports.activate = async (context) => {
    context.subscriptions.push(
        workspace.onDidChangeConfiguration(async (change) => {
            if (change.affectsConfiguration("tickscript.kapacitor.path")) {
                await stop();
                await start();
            }
        })
    );
    await start();
};

exports.deactivate = stop;
