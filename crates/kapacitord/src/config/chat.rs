//! Alerts as messages to people: Slack, Discord, Teams, Telegram and their like. Accepted, kept and shown.

use declare::{DataSection, Values};

use super::checks::{enabled_needs, workspaces};
use super::keys::{
    ENABLED, GLOBAL, INSECURE_SKIP_VERIFY, SSL_CA, SSL_CERT, SSL_KEY, STATE_CHANGES_ONLY, flag, fresh, one, text,
};

pub(super) const SECTIONS: &[DataSection] = &[DISCORD, HIPCHAT, PUSHOVER, SLACK, TALK, TEAMS, TELEGRAM];

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

fn need(all: &[Values], keys: &[&str], urls: &[&str]) -> Result<(), String> {
    all.iter().try_for_each(|values| enabled_needs(values, keys, urls))
}
