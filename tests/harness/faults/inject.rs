//! The faults themselves: comes in a stage and what is to go wrong, how often and for how long, goes out that it did and
//! is over. All instants come from the dice, so that a run can be repeated. Must not look at rows.

use std::time::Duration;

use super::fault::Fault;
use super::senders::TABLE;
use super::system::Stage;
use crate::dice::Dice;
use crate::proxy::Wrong;

/// One body or one answer in so many is broken.
const ONE_IN: u64 = 3;
/// A line of 2 Mbit/s: a block takes seconds, and rows come faster than they go.
const THROTTLED: u32 = 250_000;
const LATE: Duration = Duration::from_secs(6);
/// Below the 10 s after which an SDK gives an attempt up.
const SENDERS_LATE: Duration = Duration::from_secs(2);
/// Where the collector's clock jumps to, in seconds: hours ahead and back, a month ahead, and to where it was.
const JUMPS: [&str; 5] = ["+7200", "-7200", "+2592000", "-86400", "+0"];

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Dose {
    pub times: u32,
    pub length: Duration,
}

impl Dose {
    /// Long enough to pass the collector's patience with ClickHouse, short enough for many of them in an hour.
    pub fn usual(fault: Fault, times: u32) -> Dose {
        let seconds = match fault {
            // Beyond the 30 s after which an insert of ours is given up.
            Fault::ClickhousePaused => 36,
            // Beyond the 60 s a sender is kept waiting, twice.
            Fault::ClickhouseSlow60s => 130,
            Fault::ClickhouseSlow6s | Fault::SpoolFull | Fault::ClickhouseRefuses => 40,
            _ => 20,
        };
        Dose { times, length: Duration::from_secs(seconds) }
    }
}

/// Makes it go wrong, and mends it. Says how often a process was ended.
pub async fn inject(stage: &mut Stage, fault: Fault, dose: Dose, dice: &mut Dice) -> anyhow::Result<u32> {
    match fault {
        Fault::Kill | Fault::KillInOutage | Fault::Sigterm | Fault::SigtermInOutage => {
            for _ in 0..dose.times {
                end_collector(stage, fault, dose, dice).await?;
            }
            return Ok(dose.times);
        }
        Fault::ClickhouseKilled | Fault::ClickhousePaused => {
            for _ in 0..dose.times {
                stop_clickhouse(stage, fault, dose, dice).await?;
            }
            return Ok(if fault == Fault::ClickhouseKilled { dose.times } else { 0 });
        }
        Fault::ClickhouseDownAtStart => {
            tokio::time::sleep(dose.length).await;
            stage.engine.start_again().await?;
        }
        Fault::ClickhouseSlow6s => slow(stage, 6, dose).await?,
        Fault::ClickhouseSlow60s => slow(stage, 60, dose).await?,
        Fault::ClickhouseReadOnly | Fault::ClickhouseTooManyParts => refuse(stage, fault, dose).await?,
        Fault::ClickhouseDiskFull => full(stage, dose).await?,
        Fault::SpoolFull => {
            stage.engine.kill()?;
            full(stage, dose).await?;
            stage.engine.start_again().await?;
        }
        Fault::ClockJumps => return jump(stage, dose).await,
        _ => break_lines(stage, fault, dose, dice).await?,
    }
    Ok(0)
}

async fn end_collector(stage: &mut Stage, fault: Fault, dose: Dose, dice: &mut Dice) -> anyhow::Result<()> {
    pause(dice, 200..2_500).await;
    match fault {
        Fault::Kill => stage.kill()?,
        Fault::Sigterm => stage.terminate().await?,
        Fault::KillInOutage => {
            stage.engine.kill()?;
            pause(dice, 300..3_000).await;
            stage.kill()?;
        }
        _ => {
            stage.engine.kill()?;
            tokio::time::sleep(dose.length / 2).await;
            stage.terminate().await?;
        }
    }
    pause(dice, 0..300).await;
    stage.start_again().await?;
    match fault {
        Fault::KillInOutage => pause(dice, 300..2_000).await,
        Fault::SigtermInOutage => tokio::time::sleep(dose.length / 2).await,
        _ => return Ok(()),
    }
    stage.engine.start_again().await
}

async fn stop_clickhouse(stage: &mut Stage, fault: Fault, dose: Dose, dice: &mut Dice) -> anyhow::Result<()> {
    pause(dice, 200..2_500).await;
    if fault == Fault::ClickhousePaused {
        stage.engine.pause()?;
        tokio::time::sleep(dose.length).await;
        return stage.engine.resume();
    }
    stage.engine.kill()?;
    pause(dice, 100..3_000).await;
    stage.engine.start_again().await
}

/// A view on the table that sleeps: the part is written, and the insert is not answered.
async fn slow(stage: &Stage, seconds: u32, dose: Dose) -> anyhow::Result<()> {
    let view = "otel.faults_slow_mv";
    let allowed = u64::from(seconds) * 1_000_000;
    stage.engine.query("CREATE TABLE IF NOT EXISTS otel.faults_slow (x UInt8) ENGINE = Null").await?;
    let sql = format!(
        "CREATE MATERIALIZED VIEW {view} TO otel.faults_slow AS SELECT toUInt8(sleep({seconds})) AS x FROM {TABLE} \
         SETTINGS function_sleep_max_microseconds_per_block = {allowed}"
    );
    stage.engine.query(&sql).await?;
    tokio::time::sleep(dose.length).await;
    stage.engine.query(&format!("DROP VIEW {view}")).await?;
    Ok(())
}

/// The table takes nothing, by its own settings.
async fn refuse(stage: &Stage, fault: Fault, dose: Dose) -> anyhow::Result<()> {
    let (worse, better): (&[&str], &[&str]) = match fault {
        Fault::ClickhouseReadOnly => (&["MODIFY SETTING table_readonly = 1"], &["MODIFY SETTING table_readonly = 0"]),
        _ => (
            &["MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 2"],
            &["RESET SETTING parts_to_delay_insert, parts_to_throw_insert"],
        ),
    };
    if fault == Fault::ClickhouseTooManyParts {
        stage.engine.query(&format!("SYSTEM STOP MERGES {TABLE}")).await?;
    }
    for change in worse {
        stage.engine.query(&format!("ALTER TABLE {TABLE} {change}")).await?;
    }
    tokio::time::sleep(dose.length).await;
    for change in better {
        stage.engine.query(&format!("ALTER TABLE {TABLE} {change}")).await?;
    }
    if fault == Fault::ClickhouseTooManyParts {
        stage.engine.query(&format!("SYSTEM START MERGES {TABLE}")).await?;
    }
    Ok(())
}

async fn full(stage: &Stage, dose: Dose) -> anyhow::Result<()> {
    let volume = stage.volume.as_ref().ok_or_else(|| anyhow::anyhow!("a stage without a volume"))?;
    volume.fill()?;
    tokio::time::sleep(dose.length).await;
    volume.relieve()
}

async fn jump(stage: &mut Stage, dose: Dose) -> anyhow::Result<u32> {
    let file = stage.fake_time()?;
    stage.terminate().await?;
    stage.start_again().await?;
    for offset in JUMPS {
        std::fs::write(&file, offset)?;
        tokio::time::sleep(dose.length / JUMPS.len() as u32).await;
    }
    Ok(1)
}

async fn break_lines(stage: &Stage, fault: Fault, dose: Dose, dice: &mut Dice) -> anyhow::Result<()> {
    let wrong = match fault {
        Fault::AnswersDelayed => Wrong::Delays(LATE),
        Fault::SendersDelayed => Wrong::Delays(SENDERS_LATE),
        Fault::LineThrottled => Wrong::Throttles(THROTTLED),
        Fault::ResetInBody | Fault::SendersResetInBody => Wrong::ResetsInBody(ONE_IN),
        Fault::ResetAfterBody | Fault::SendersResetAfterBody => Wrong::ResetsAfterBody(ONE_IN),
        _ => Wrong::Refuses,
    };
    let is_again_and_again = matches!(fault, Fault::LineCut | Fault::SendersCut);
    let start = tokio::time::Instant::now();
    loop {
        for line in stage.to_clickhouse.iter().chain(&stage.from_senders) {
            line.set(wrong).await?;
        }
        match is_again_and_again {
            true => pause(dice, 0..800).await,
            false => tokio::time::sleep(dose.length).await,
        }
        for line in stage.to_clickhouse.iter().chain(&stage.from_senders) {
            line.set(Wrong::Nothing).await?;
        }
        if start.elapsed() >= dose.length {
            return Ok(());
        }
        pause(dice, 200..2_000).await;
    }
}

/// Somewhere in this range of milliseconds.
async fn pause(dice: &mut Dice, millis: std::ops::Range<u64>) {
    tokio::time::sleep(Duration::from_millis(millis.start + dice.below(millis.end - millis.start))).await;
}
