//! Alerts as messages to people: Slack, Discord, Teams, Telegram and their like. Accepted, kept and shown.

use declare::{DataSection, Values};

use super::checks::{enabled_needs, named, workspaces};
use super::keys::{
    ENABLED, GLOBAL, INSECURE_SKIP_VERIFY, PASSWORD, SSL_CA, SSL_CERT, SSL_KEY, STATE_CHANGES_ONLY, USERNAME, array,
    flag, fresh, one, table, text,
};

pub(super) const SECTIONS: &[DataSection] = &[DISCORD, HIPCHAT, NTFY, PUSHOVER, SLACK, TALK, TEAMS, TELEGRAM, WEBHOOK];

const DISCORD: DataSection = fresh(
    "discord",
    1,
    "Messages to Discord.",
    &[
        ENABLED,
        flag("default", true, "Whether alerts that name no workspace go here."),
        text("workspace", "", "The name by which alerts ask for it."),
        text("url", "", "The webhook's address."),
        flag("timestamp", false, "Whether messages show the alert's time."),
        text("username", "", "The name that messages are from; empty for the webhook's."),
        text("avatar-url", "", "The picture that messages are from; empty for the webhook's."),
        text("embed-title", "", "The title of messages."),
        GLOBAL,
        STATE_CHANGES_ONLY,
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| {
        all.iter().try_for_each(|values| enabled_needs(values, &["url"], &["url", "avatar-url"]))?;
        workspaces(all)
    },
);

const HIPCHAT: DataSection = one(
    "hipchat",
    "Messages to a HipChat room.",
    &[
        ENABLED,
        text("url", "", "The address of the rooms."),
        text("token", "", "The token to sign in with.").secret(),
        text("room", "", "The room of alerts that name none."),
        GLOBAL,
        STATE_CHANGES_ONLY,
    ],
    |all| need(all, &["url"], &["url"]),
);

const NTFY: DataSection = array(
    "ntfy",
    0,
    "Notifications by an ntfy server.",
    &[
        ENABLED,
        text("name", "", "The name by which alerts ask for it."),
        flag("default", false, "Whether alerts that name no server go here."),
        text("url", "", "The address of the server, such as https://ntfy.sh."),
        text("topic", "", "The topic of alerts that name none, a template."),
        USERNAME,
        PASSWORD,
        text("token", "", "The token to sign in with, in place of user and password.").secret(),
        GLOBAL,
        STATE_CHANGES_ONLY,
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| named(all, &["url"], &["url"]),
);

const PUSHOVER: DataSection = one(
    "pushover",
    "Messages to devices over Pushover.",
    &[
        ENABLED,
        text("token", "", "The application's token.").secret(),
        text("user-key", "", "The key of the user or group to tell.").secret(),
        text("url", "https://api.pushover.net/1/messages.json", "The address of the service."),
    ],
    |all| need(all, &["token", "user-key", "url"], &["url"]),
);

const SLACK: DataSection = fresh(
    "slack",
    1,
    "Messages to Slack.",
    &[
        ENABLED,
        flag("default", true, "Whether alerts that name no workspace go here."),
        text("workspace", "", "The name by which alerts ask for it."),
        text("url", "", "The webhook's address, or that of chat.postMessage.").secret(),
        text("token", "", "The token for chat.postMessage.").secret(),
        text("channel", "", "The channel of alerts that name none."),
        text("username", "kapacitor", "The name that messages are from."),
        text("icon-emoji", "", "The emoji that messages are from, such as :chart_with_upwards_trend:."),
        GLOBAL,
        STATE_CHANGES_ONLY,
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| {
        need(all, &["url"], &["url"])?;
        workspaces(all)
    },
);

const TALK: DataSection = one(
    "talk",
    "Messages to Talk.",
    &[
        ENABLED,
        text("url", "", "The webhook's address.").secret(),
        text("author_name", "", "The name that messages are from."),
    ],
    |all| need(all, &["url"], &["url"]),
);

const TEAMS: DataSection = one(
    "teams",
    "Messages to Microsoft Teams.",
    &[ENABLED, text("channel-url", "", "The address of the channel's webhook."), GLOBAL, STATE_CHANGES_ONLY],
    |all| need(all, &["channel-url"], &["channel-url"]),
);

const TELEGRAM: DataSection = one(
    "telegram",
    "Messages of a Telegram bot.",
    &[
        ENABLED,
        text("url", "https://api.telegram.org/bot", "The address of the service."),
        text("token", "", "The bot's token.").secret(),
        text("chat-id", "", "The chat of alerts that name none."),
        text("parse-mode", "", "How messages are marked up: Markdown, HTML, or empty for plain text."),
        flag("disable-web-page-preview", false, "Whether links are shown without a preview."),
        flag("disable-notification", false, "Whether messages arrive without a sound."),
        GLOBAL,
        STATE_CHANGES_ONLY,
    ],
    |all| need(all, &["url", "token"], &["url"]),
);

const WEBHOOK: DataSection = array(
    "webhook",
    0,
    "Requests of any form.",
    &[
        ENABLED,
        text("name", "", "The name by which alerts ask for it."),
        flag("default", false, "Whether alerts that name neither a URL nor an endpoint go here."),
        text("url", "", "The address, a template; it may hold a token.").secret(),
        text("method", "", "The request's method; empty for POST."),
        table("headers", "Headers of each request, by name.").secret(),
        text("body", "", "The request's body, a template; empty for the event's JSON."),
        USERNAME,
        PASSWORD,
        text("token", "", "A token to sign in with, sent as Authorization: Bearer.").secret(),
        SSL_CA,
        SSL_CERT,
        SSL_KEY,
        INSECURE_SKIP_VERIFY,
    ],
    |all| named(all, &[], &[]),
);

fn need(all: &[Values], keys: &[&str], urls: &[&str]) -> Result<(), String> {
    all.iter().try_for_each(|values| enabled_needs(values, keys, urls))
}
