//! A request that says more of its resources.
//!
//! Comes in: a request, and somebody who is told what a resource says of itself. Goes out: the same request with
//! attributes beside those that are there, its records untouched and unread. None where nothing is to be added, where the
//! request is malformed, or where it would grow beyond what is allowed: then it goes on as it is, and whoever opens it
//! judges it. Must not change what a sender has said.

use super::wire::{Fields, Malformed, Wire};

/// Fields of the messages on the way: the groups of a request, the resource of a group, the attributes of a resource.
const GROUP: u32 = 1;
const RESOURCE: u32 = 1;
const ATTRIBUTE: u32 = 1;

/// A resource with more attributes is left as it is: each that is added is compared with each that is there.
const MOST: usize = 1_000;

/// The heads of a group and of its resource, with the longest numbers.
const HEADS: usize = 32;

/// Name and value.
pub type Attribute = (String, String);

/// What a resource says of itself.
#[derive(Debug, Default)]
pub struct Said<'a> {
    /// Names, with values that are text.
    attributes: Vec<(&'a [u8], Option<&'a str>)>,
}

impl<'a> Said<'a> {
    /// The text that is the value of an attribute; empty is as good as absent.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let found = self.attributes.iter().find(|(there, _)| *there == name.as_bytes());
        found.and_then(|(_, value)| *value).filter(|value| !value.is_empty())
    }

    /// Whether there is such an attribute, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(there, _)| *there == name.as_bytes())
    }
}

/// The request with more attributes, if that takes at most `growth` bytes more. What is there already is not added.
pub fn add(request: &[u8], growth: usize, mut more: impl FnMut(&Said<'_>) -> Vec<Attribute>) -> Option<Vec<u8>> {
    rewrite(request, growth, &mut more).ok().flatten()
}

fn rewrite(
    request: &[u8],
    growth: usize,
    more: &mut dyn FnMut(&Said<'_>) -> Vec<Attribute>,
) -> Result<Option<Vec<u8>>, Malformed> {
    let (mut out, mut left, mut fields) = (Vec::new(), growth, Fields::of(request));
    // Where the next field begins, and the first byte that is not copied yet: nothing is, before there is something to
    // add.
    let (mut next, mut from) = (0, 0);
    while let Some(((number, value), raw)) = fields.next_raw()? {
        let start = next;
        next += raw.len();
        let group = match (number, value) {
            (GROUP, Wire::Bytes(group)) => group,
            (GROUP, _) => return Err(Malformed::WireType(GROUP)),
            _ => continue,
        };
        let added = addition(group, more)?;
        if added.is_empty() {
            continue;
        }
        if out.is_empty() {
            out.reserve_exact(request.len() + added.len() + HEADS);
        }
        out.extend_from_slice(&request[from..start]);
        let before = out.len();
        write_group(group, &added, &mut out)?;
        from = next;
        let grown = (out.len() - before).saturating_sub(raw.len());
        let Some(rest) = left.checked_sub(grown) else { return Ok(None) };
        left = rest;
    }
    if from == 0 {
        return Ok(None);
    }
    out.extend_from_slice(&request[from..]);
    out.shrink_to_fit();
    Ok(Some(out))
}

/// The attributes to be added to a group's resource, encoded.
fn addition(group: &[u8], more: &mut dyn FnMut(&Said<'_>) -> Vec<Attribute>) -> Result<Vec<u8>, Malformed> {
    let mut said = Said::default();
    let mut fields = Fields::of(group);
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            // A resource that stands in pieces is all of them.
            (RESOURCE, Wire::Bytes(resource)) => read(resource, &mut said)?,
            (RESOURCE, _) => return Err(Malformed::WireType(RESOURCE)),
            _ => {}
        }
    }
    let mut added = Vec::new();
    for (name, value) in more(&said).iter().filter(|(name, _)| !said.has(name)) {
        let mut attribute = Vec::with_capacity(name.len() + value.len() + 16);
        write(1, name.as_bytes(), &mut attribute);
        let mut text = Vec::with_capacity(value.len() + 8);
        write(1, value.as_bytes(), &mut text);
        write(2, &text, &mut attribute);
        write(ATTRIBUTE, &attribute, &mut added);
    }
    Ok(added)
}

fn read<'a>(resource: &'a [u8], said: &mut Said<'a>) -> Result<(), Malformed> {
    let mut fields = Fields::of(resource);
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (ATTRIBUTE, _) if said.attributes.len() == MOST => return Err(Malformed::TooMany),
            (ATTRIBUTE, Wire::Bytes(attribute)) => said.attributes.push(read_attribute(attribute)?),
            (ATTRIBUTE, _) => return Err(Malformed::WireType(ATTRIBUTE)),
            _ => {}
        }
    }
    Ok(())
}

fn read_attribute(attribute: &[u8]) -> Result<(&[u8], Option<&str>), Malformed> {
    let (mut name, mut text) = (&[][..], None);
    let mut fields = Fields::of(attribute);
    while let Some((number, value)) = fields.next_field()? {
        match (number, value) {
            (1, Wire::Bytes(bytes)) => name = bytes,
            (2, Wire::Bytes(value)) => text = text_of(value)?,
            _ => {}
        }
    }
    Ok((name, text))
}

fn text_of(value: &[u8]) -> Result<Option<&str>, Malformed> {
    let (mut text, mut fields) = (None, Fields::of(value));
    while let Some((number, value)) = fields.next_field()? {
        text = match (number, value) {
            (1, Wire::Bytes(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        };
    }
    Ok(text)
}

/// The group with the attributes at the end of its resource's first piece. Where there is none, they are one.
fn write_group(group: &[u8], added: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let first = first_resource(group)?;
    let length = first.map_or(added.len(), |(resource, _)| resource.len() + added.len());
    let mut head = Vec::with_capacity(HEADS);
    write_head(RESOURCE, length, &mut head);
    let replaced = first.map_or(0, |(_, raw)| raw);
    write_head(GROUP, group.len() - replaced + head.len() + length, out);
    let mut is_written = first.is_none();
    if is_written {
        write(RESOURCE, added, out);
    }
    let mut fields = Fields::of(group);
    while let Some(((number, value), raw)) = fields.next_raw()? {
        match (number, value) {
            (RESOURCE, Wire::Bytes(resource)) if !is_written => {
                is_written = true;
                out.extend_from_slice(&head);
                write_resource(resource, added, out)?;
            }
            _ => out.extend_from_slice(raw),
        }
    }
    Ok(())
}

/// The first piece of the resource, and the length of its whole field.
fn first_resource(group: &[u8]) -> Result<Option<(&[u8], usize)>, Malformed> {
    let mut fields = Fields::of(group);
    while let Some(((number, value), raw)) = fields.next_raw()? {
        if let (RESOURCE, Wire::Bytes(resource)) = (number, value) {
            return Ok(Some((resource, raw.len())));
        }
    }
    Ok(None)
}

/// After the last attribute, where an encoder would have them.
fn write_resource(resource: &[u8], added: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
    let (mut at, mut end) = (0, 0);
    let mut fields = Fields::of(resource);
    while let Some(((number, _), raw)) = fields.next_raw()? {
        at += raw.len();
        if number == ATTRIBUTE {
            end = at;
        }
    }
    out.extend_from_slice(&resource[..end]);
    out.extend_from_slice(added);
    out.extend_from_slice(&resource[end..]);
    Ok(())
}

fn write(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    write_head(number, bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn write_head(number: u32, length: usize, out: &mut Vec<u8>) {
    for mut part in [u64::from(number) << 3 | 2, length as u64] {
        while part >= 0x80 {
            out.push(part as u8 | 0x80);
            part >>= 7;
        }
        out.push(part as u8);
    }
}

#[cfg(test)]
mod tests;
