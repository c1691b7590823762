//! The plot: comes in rows, goes out SVG with one bar for each system and signal. Written by hand, since a plotting
//! library would be heavier than everything it draws here.

use std::fmt::Write;

use super::{Machine, Row};
use crate::cases::{Encoding, Signal, Transport};
use crate::system::System;

const WIDTH: f64 = 860.0;
const LEFT: f64 = 170.0;
const PANEL: f64 = 330.0;
const BAR: f64 = 11.0;
const GROUP_GAP: f64 = 12.0;
const TOP: f64 = 78.0;

/// Its title, what it shows of a row, and where it begins.
type Panel = (&'static str, fn(&Row) -> f64, f64);

/// Requests of 1,000 over HTTP, uncompressed: the case every system and signal has.
pub fn draw(machine: &Machine, rows: &[Row]) -> String {
    let shown: Vec<&Row> = rows
        .iter()
        .filter(|row| row.case.transport == Transport::Http && row.case.encoding == Encoding::Identity)
        .filter(|row| row.case.records == 1_000)
        .collect();
    let signals: Vec<Signal> =
        Signal::ALL.iter().copied().filter(|signal| shown.iter().any(|row| row.case.signal == *signal)).collect();
    let group = BAR * System::ALL.len() as f64 + GROUP_GAP;
    let height = TOP + group * signals.len() as f64 + 30.0;
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"22\" font-size=\"15\">Processor time a stored row, in µs (less is better)</text>"
    );
    legend(&mut svg);
    let panels: [Panel; 2] = [
        ("in the collector", |row| row.collector_us_per_row, LEFT),
        ("in ClickHouse", |row| row.clickhouse_us_per_row, LEFT + PANEL + 20.0),
    ];
    for (title, cost, x) in panels {
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{title}</text>", TOP - 10.0);
        let most = shown.iter().map(|row| cost(row)).fold(1e-9, f64::max);
        for (place, signal) in signals.iter().enumerate() {
            let top = TOP + group * place as f64;
            if x == LEFT {
                let _ = writeln!(
                    svg,
                    "<text x=\"16\" y=\"{}\">{}</text>",
                    top + BAR * 1.8,
                    signal.name().replace('_', " ")
                );
            }
            for row in shown.iter().filter(|row| row.case.signal == *signal) {
                bar(&mut svg, row.system, cost(row), most, x, top);
            }
        }
    }
    let _ = writeln!(
        svg,
        "<text x=\"16\" y=\"{}\" fill=\"#666666\">OTLP/HTTP, 1,000 records a request, merges included. {}</text>\n</svg>",
        height - 10.0,
        escaped(&machine.to_string())
    );
    svg
}

fn bar(svg: &mut String, system: System, cost: f64, most: f64, x: f64, top: f64) {
    let place = System::ALL.iter().position(|other| *other == system).unwrap_or(0);
    let y = top + BAR * place as f64;
    // The number stands behind the longest bar, too.
    let width = (cost / most * (PANEL - 45.0)).max(1.0);
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"9\">{cost:.2}</text>",
        BAR - 2.0,
        colour(system),
        x + width + 4.0,
        y + BAR - 3.0
    );
}

fn legend(svg: &mut String) {
    for (place, system) in System::ALL.iter().enumerate() {
        let x = 16.0 + 200.0 * place as f64;
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"34\" width=\"10\" height=\"10\" fill=\"{}\"/><text x=\"{}\" y=\"43\">{}</text>",
            colour(*system),
            x + 15.0,
            system.name()
        );
    }
}

const fn colour(system: System) -> &'static str {
    match system {
        System::ClickstackCollector => "#e8a400",
        System::ClickstackCollectorSpool => "#f3cf73",
        System::Otelcol => "#4a5fc1",
        System::Rotel => "#8c8c8c",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
