//! Syslog messages to log records, with the attributes of the OpenTelemetry Collector's receiver.
//!
//! Comes in: a message. Goes out: a log record whose body is the message's text. Pure.

use super::message::{Message, unescaped};
use crate::receive::{
    log_request::{Record, Unfit},
    writer::Full,
};

/// Severities as syslog numbers them: OpenTelemetry's numbers, and syslog's words.
const SEVERITIES: [(u8, &str); 8] = [
    (21, "emerg"),
    (19, "alert"),
    (18, "crit"),
    (17, "err"),
    (13, "warning"),
    (10, "notice"),
    (9, "info"),
    (5, "debug"),
];

pub(super) fn write(message: &Message<'_>, now: u64, record: &mut Record<'_>) -> Result<(), Unfit> {
    record.times(message.time, now);
    if let Some(priority) = message.priority {
        let (number, word) = SEVERITIES[usize::from(priority % 8)];
        record.severity(number, word)?;
        for (name, value) in [("priority", priority), ("facility", priority / 8)] {
            record.attribute(name.as_bytes(), |place| {
                place.integer(value.into());
                Ok::<_, Full>(())
            })?;
        }
    }
    record.body(|place| place.text(message.text))?;
    let texts = [
        ("hostname", message.hostname),
        ("appname", message.appname),
        ("proc_id", message.proc_id),
        ("msg_id", message.msg_id),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            record.attribute(name.as_bytes(), |place| place.text(text))?;
        }
    }
    if let Some(version) = message.version {
        record.attribute(b"version", |place| {
            place.integer(version.into());
            Ok::<_, Full>(())
        })?;
    }
    if !message.data.is_empty() {
        record.attribute(b"structured_data", |place| {
            place.map(|elements| {
                let mut data = message.data;
                data.try_for_each(|(name, mut parameters)| {
                    elements.entry(name, |place| {
                        place.map(|entries| {
                            parameters.try_for_each(|(name, value)| {
                                entries.entry(name, |place| place.text(&unescaped(value)))
                            })
                        })
                    })
                })
            })
        })?;
    }
    Ok(())
}
