//! Data points of the five kinds, and their exemplars.

use super::unsigned;
use crate::{
    decode::otlp::value::{double, push_attribute, zigzag},
    record::{
        Buckets, Exemplar, Exemplars, ExponentialPoint, HistogramPoint, Malformed, NumberPoint, SummaryPoint,
        wire::{Fields, Wire},
    },
};

#[inline]
pub(super) fn number<'a>(message: &'a [u8], point: &mut NumberPoint<'a>) -> Result<(), Malformed> {
    point.clear();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => point.point.start = value.fixed64(2)?,
            3 => point.point.time = value.fixed64(3)?,
            4 => point.value = double(value, 4)?,
            5 => exemplar(value.bytes(5)?, &mut point.exemplars)?,
            6 => point.value = whole(value, 6)?,
            7 => push_attribute(value.bytes(7)?, &mut point.point.attributes)?,
            8 => point.point.flags = unsigned(value, 8)?,
            _ => {}
        }
    }
    Ok(())
}

#[inline]
pub(super) fn histogram<'a>(message: &'a [u8], point: &mut HistogramPoint<'a>) -> Result<(), Malformed> {
    point.clear();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => point.point.start = value.fixed64(2)?,
            3 => point.point.time = value.fixed64(3)?,
            4 => point.count = value.fixed64(4)?,
            5 => point.sum = double(value, 5)?,
            6 => eights(value, 6, &mut point.bucket_counts)?,
            7 => eights(value, 7, &mut point.explicit_bounds)?,
            8 => exemplar(value.bytes(8)?, &mut point.exemplars)?,
            9 => push_attribute(value.bytes(9)?, &mut point.point.attributes)?,
            10 => point.point.flags = unsigned(value, 10)?,
            11 => point.min = double(value, 11)?,
            12 => point.max = double(value, 12)?,
            _ => {}
        }
    }
    Ok(())
}

#[inline]
pub(super) fn exponential<'a>(message: &'a [u8], point: &mut ExponentialPoint<'a>) -> Result<(), Malformed> {
    point.clear();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => push_attribute(value.bytes(1)?, &mut point.point.attributes)?,
            2 => point.point.start = value.fixed64(2)?,
            3 => point.point.time = value.fixed64(3)?,
            4 => point.count = value.fixed64(4)?,
            5 => point.sum = double(value, 5)?,
            6 => point.scale = zigzag(value, 6)?,
            7 => point.zero_count = value.fixed64(7)?,
            8 => buckets(value.bytes(8)?, &mut point.positive)?,
            9 => buckets(value.bytes(9)?, &mut point.negative)?,
            10 => point.point.flags = unsigned(value, 10)?,
            11 => exemplar(value.bytes(11)?, &mut point.exemplars)?,
            12 => point.min = double(value, 12)?,
            13 => point.max = double(value, 13)?,
            14 => {
                value.fixed64(14)?;
            }
            _ => {}
        }
    }
    Ok(())
}

#[inline]
pub(super) fn summary<'a>(message: &'a [u8], point: &mut SummaryPoint<'a>) -> Result<(), Malformed> {
    point.clear();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => point.point.start = value.fixed64(2)?,
            3 => point.point.time = value.fixed64(3)?,
            4 => point.count = value.fixed64(4)?,
            5 => point.sum = double(value, 5)?,
            6 => point.quantiles.push(quantile(value.bytes(6)?)?),
            7 => push_attribute(value.bytes(7)?, &mut point.point.attributes)?,
            8 => point.point.flags = unsigned(value, 8)?,
            _ => {}
        }
    }
    Ok(())
}

fn quantile(message: &[u8]) -> Result<(f64, f64), Malformed> {
    let mut found = (0.0, 0.0);
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            1 => found.0 = double(value, 1)?,
            2 => found.1 = double(value, 2)?,
            _ => {}
        }
    }
    Ok(found)
}

fn buckets(message: &[u8], buckets: &mut Buckets) -> Result<(), Malformed> {
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, _) => buckets.offset = zigzag(value, 1)?,
            (2, Wire::Bytes(packed)) => {
                let mut numbers = Fields::of(packed);
                while let Some(number) = numbers.next_packed()? {
                    buckets.counts.extend_from_slice(&number.to_le_bytes());
                }
            }
            (2, _) => buckets.counts.extend_from_slice(&value.varint(2)?.to_le_bytes()),
            _ => {}
        }
    }
    Ok(())
}

fn exemplar<'a>(message: &'a [u8], exemplars: &mut Exemplars<'a>) -> Result<(), Malformed> {
    let first = exemplars.attributes.len();
    let mut found = Exemplar::default();
    let mut fields = Fields::of(message);
    while let Some((number, value)) = fields.next_field()? {
        match number {
            2 => found.time = value.fixed64(2)?,
            3 => found.value = double(value, 3)?,
            4 => found.span_id = value.bytes(4)?,
            5 => found.trace_id = value.bytes(5)?,
            6 => found.value = whole(value, 6)?,
            7 => push_attribute(value.bytes(7)?, &mut exemplars.attributes)?,
            _ => {}
        }
    }
    found.attributes = first..exemplars.attributes.len();
    exemplars.list.push(found);
    Ok(())
}

/// `sfixed64` as the column has it: the nearest `Float64`.
#[expect(clippy::cast_precision_loss, reason = "the column is a Float64")]
fn whole(value: Wire<'_>, number: u32) -> Result<f64, Malformed> {
    value.fixed64(number).map(|bits| bits.cast_signed() as f64)
}

/// Numbers of 8 bytes, packed or one by one.
#[inline]
fn eights(value: Wire<'_>, number: u32, out: &mut Vec<u8>) -> Result<(), Malformed> {
    match value {
        Wire::Bytes(packed) if packed.len().is_multiple_of(8) => out.extend_from_slice(packed),
        Wire::Bytes(_) => return Err(Malformed::Truncated),
        Wire::Fixed64(one) => out.extend_from_slice(&one.to_le_bytes()),
        _ => return Err(Malformed::WireType(number)),
    }
    Ok(())
}
