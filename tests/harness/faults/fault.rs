//! What can go wrong in a run: the names, what each of them needs, and for whom it makes sense. Must not do anything.

use serde::Serialize;

use super::system::System;

#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// SIGKILL to the collector at random instants.
    Kill,
    /// SIGKILL to the collector while ClickHouse is away.
    KillInOutage,
    /// SIGTERM to the collector at random instants.
    Sigterm,
    /// SIGTERM to the collector while ClickHouse is away.
    SigtermInOutage,
    /// SIGKILL to ClickHouse at random instants.
    ClickhouseKilled,
    /// SIGSTOP: connections stay open, nothing is answered.
    ClickhousePaused,
    ClickhouseDownAtStart,
    /// Nobody listens where ClickHouse was.
    ClickhouseRefuses,
    /// Each insert takes 6 s longer, by a view that sleeps.
    ClickhouseSlow6s,
    ClickhouseSlow60s,
    /// The table is read-only.
    ClickhouseReadOnly,
    ClickhouseTooManyParts,
    /// Its volume is full.
    ClickhouseDiskFull,
    /// What ClickHouse answers comes 6 s later.
    AnswersDelayed,
    /// Connections to ClickHouse are cut, again and again.
    LineCut,
    LineThrottled,
    /// Inserts are broken off in the middle of their bodies.
    ResetInBody,
    /// Inserts reach ClickHouse whole and their answers are lost.
    ResetAfterBody,
    /// The same between senders and collector.
    SendersCut,
    SendersDelayed,
    SendersResetInBody,
    SendersResetAfterBody,
    /// The volume of the spool, or of the queue, is full while ClickHouse is away.
    SpoolFull,
    /// The collector's clock jumps by hours, months and back.
    ClockJumps,
}

impl Fault {
    pub const ALL: &'static [Fault] = &[
        Fault::Kill,
        Fault::KillInOutage,
        Fault::Sigterm,
        Fault::SigtermInOutage,
        Fault::ClickhouseKilled,
        Fault::ClickhousePaused,
        Fault::ClickhouseDownAtStart,
        Fault::ClickhouseRefuses,
        Fault::ClickhouseSlow6s,
        Fault::ClickhouseSlow60s,
        Fault::ClickhouseReadOnly,
        Fault::ClickhouseTooManyParts,
        Fault::ClickhouseDiskFull,
        Fault::AnswersDelayed,
        Fault::LineCut,
        Fault::LineThrottled,
        Fault::ResetInBody,
        Fault::ResetAfterBody,
        Fault::SendersCut,
        Fault::SendersDelayed,
        Fault::SendersResetInBody,
        Fault::SendersResetAfterBody,
        Fault::SpoolFull,
        Fault::ClockJumps,
    ];

    /// The name it has on the command line and in the results.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default()
    }

    /// A full spool wants a spool; a Go program asks the kernel for the time and cannot be given another.
    pub fn makes_sense_for(self, system: System) -> bool {
        match self {
            Fault::SpoolFull => system.keeps_on_disk(),
            Fault::ClockJumps => system.is_ours(),
            _ => true,
        }
    }

    /// How often it strikes where nobody says: more often where the instant is what matters.
    pub fn times(self, system: System) -> u32 {
        match (self, system.is_ours()) {
            (Fault::Kill, true) => 80,
            (Fault::KillInOutage, true) => 25,
            (Fault::Sigterm, true) => 10,
            (Fault::Kill | Fault::KillInOutage, false) => 10,
            (Fault::ClickhouseKilled, _) => 6,
            (Fault::Sigterm, false) => 3,
            (Fault::ClickhousePaused, _) => 2,
            _ => 1,
        }
    }

    /// Whether senders reach the collector through the proxy.
    pub fn is_before_the_collector(self) -> bool {
        let faults =
            [Fault::SendersCut, Fault::SendersDelayed, Fault::SendersResetInBody, Fault::SendersResetAfterBody];
        faults.contains(&self)
    }

    /// Whether the collector reaches ClickHouse through the proxy.
    pub fn is_before_clickhouse(self) -> bool {
        let faults = [
            Fault::ClickhouseRefuses,
            Fault::AnswersDelayed,
            Fault::LineCut,
            Fault::LineThrottled,
            Fault::ResetInBody,
            Fault::ResetAfterBody,
        ];
        faults.contains(&self)
    }
}
