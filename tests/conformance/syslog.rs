//! Syslog: what rsyslog, `logger` and Python's own handler send, over TCP and UDP, in both RFCs' forms.

use std::time::Duration;

use crds::config::{CollectorConfig, Syslog};
use tests::clickhouse::{ClickHouse, Options};
use tests::collector::Collector;
use tests::ports::free_port;
use tests::senders::syslog::{Rsyslog, WAYS, check, logger, run_python};
use tests::wait::eventually;

const WITHIN: Duration = Duration::from_secs(30);

/// Fewer than a socket's buffer holds, so that none is lost over UDP.
const ROWS: u64 = 200;

fn listening(config: &mut CollectorConfig) {
    let address = ([127, 0, 0, 1], free_port("127.0.0.1").unwrap()).into();
    config.receivers.syslog = Some(Syslog { address, ..Syslog::default() });
}

async fn stored(engine: &ClickHouse, run_id: &str, has_head: bool) {
    eventually("every row is stored", WITHIN, async || {
        check(engine, run_id, ROWS, has_head).await.map_err(|error| format!("{error:#}"))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn every_row_of_rsyslog_and_of_pythons_handler_is_stored_over_tcp_and_udp() {
    let engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, listening).await.unwrap();
    let to = gateway.config.receivers.syslog.as_ref().unwrap().address;
    let rsyslog = Rsyslog::start(to).await.unwrap();
    for way in WAYS {
        rsyslog.write(way, ROWS).unwrap();
        stored(&engine, way, true).await;
    }
    for transport in ["tcp", "udp"] {
        let run_id = &format!("python-{transport}");
        run_python(to, transport, run_id, ROWS).unwrap();
        // The handler sends neither time nor host.
        stored(&engine, run_id, false).await;
    }
    let accepted = "otelcol_receiver_accepted_log_records_total{receiver=\"syslog\",transport=\"syslog\"}";
    assert_eq!(gateway.metric(accepted).await.unwrap(), 5.0 * ROWS as f64);
}

#[tokio::test]
async fn structured_data_becomes_attributes_and_nothing_is_lost_while_clickhouse_is_away() {
    let mut engine = ClickHouse::start(Options::default()).await.unwrap();
    let gateway = Collector::gateway(&engine, listening).await.unwrap();
    let to = gateway.config.receivers.syslog.as_ref().unwrap().address;
    engine.kill().unwrap();
    let sent = ["--rfc5424=notq", "--tag", "billing", "--msgid", "ID47", "--id=77", "--priority", "daemon.crit"];
    let data = ["--sd-id", "order@32473", "--sd-param", "number=\"7\"", "--sd-param", "note=\"a \\\"b\\\"\""];
    for way in [&["--tcp", "--octet-count"][..], &["--tcp"], &["--udp"]] {
        logger(to, &[&sent[..], &data, way].concat(), "card refused {\"tries\": 3}").unwrap();
    }
    let read = "clickstack_collector_stream_records_total{receiver=\"syslog\"}";
    eventually("all are read", WITHIN, async || match gateway.metric(read).await {
        Ok(3.0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await
    .unwrap();
    engine.start_again().await.unwrap();
    let sql = "SELECT count(), uniqExact(LogAttributes['hostname']), countIf(Body = 'card refused {\"tries\": 3}' \
               AND SeverityNumber = 18 AND SeverityText = 'crit' AND abs(dateDiff('second', Timestamp, now())) < 600 \
               AND mapFilter((key, value) -> key != 'hostname', LogAttributes) = map('appname', 'billing', 'facility', '3', \
                 'msg_id', 'ID47', 'priority', '26', 'proc_id', '77', 'structured_data.order@32473.note', 'a \"b\"', \
                 'structured_data.order@32473.number', '7', 'tries', '3', 'version', '1')) FROM otel.otel_logs";
    eventually("all are stored", WITHIN, async || {
        let stored = engine.query(sql).await.map_err(|error| error.to_string())?;
        if stored == "3\t1\t3" { Ok(()) } else { Err(stored) }
    })
    .await
    .unwrap();
}
