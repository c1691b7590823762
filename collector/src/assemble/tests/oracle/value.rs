//! Attribute values as text: `AsString` of the collector that this one replaces.

use base64::{Engine, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, any_value::Value};
use std::collections::BTreeMap;

pub fn as_string(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(bit)) => bit.to_string(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => double(*number),
        Some(Value::BytesValue(bytes)) => BASE64_STANDARD.encode(bytes),
        Some(Value::ArrayValue(_) | Value::KvlistValue(_)) => json(value),
    }
}

/// Compact, keys sorted, the last of equal ones, nothing escaped for HTML.
fn json(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None => "null".to_owned(),
        Some(Value::ArrayValue(array)) => {
            let elements: Vec<_> = array.values.iter().map(|element| json(Some(element))).collect();
            format!("[{}]", elements.join(","))
        }
        Some(Value::KvlistValue(list)) => {
            let entries: BTreeMap<_, _> = list.values.iter().map(|entry| (&entry.key, entry.value.as_ref())).collect();
            let entries: Vec<_> =
                entries.into_iter().map(|(key, value)| format!("{}:{}", quoted(key), json(value))).collect();
            format!("{{{}}}", entries.join(","))
        }
        Some(Value::StringValue(_) | Value::BytesValue(_)) => quoted(&as_string(value)),
        Some(Value::DoubleValue(number)) if !number.is_finite() => quoted(&as_string(value)),
        Some(_) => as_string(value),
    }
}

/// `encoding/json` escapes two line separators that others leave alone.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// `Number::toString` of ECMAScript, by its definition; negative zero keeps its sign.
fn double(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    if number.is_infinite() {
        return format!("{sign}Infinity");
    }
    // The fewest digits that mean this double; of two such that are equally near the even one, as with so few exactly.
    let fewest =
        format!("{:e}", number.abs()).bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
    let shortest = format!("{:.*e}", fewest - 1, number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap();
    // Where the point stands behind the first digit.
    let digits = mantissa.replace('.', "");
    let point: i32 = exponent.parse::<i32>().unwrap() + 1;
    let count = i32::try_from(digits.len()).unwrap();
    let zeros = |zeros: i32| "0".repeat(usize::try_from(zeros).unwrap());
    let magnitude = if number == 0.0 {
        "0".to_owned()
    } else if count <= point && point <= 21 {
        digits + &zeros(point - count)
    } else if 0 < point && point <= 21 {
        let (whole, part) = digits.split_at(usize::try_from(point).unwrap());
        format!("{whole}.{part}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let exponent = point - 1;
        let plus = if exponent > 0 { "+" } else { "" };
        format!("{mantissa}e{plus}{exponent}")
    };
    format!("{sign}{magnitude}")
}
