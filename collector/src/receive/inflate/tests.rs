use std::io::Write;

use super::*;

const ALL: [Encoding; 6] =
    [Encoding::Identity, Encoding::Gzip, Encoding::Deflate, Encoding::Zstd, Encoding::Snappy, Encoding::Lz4];

/// Compresses as senders do.
fn packed(encoding: Encoding, plain: &[u8]) -> Bytes {
    let level = flate2::Compression::default();
    let out = match encoding {
        Encoding::Identity => plain.to_vec(),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Deflate => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Zstd => zstd::stream::encode_all(plain, 3).unwrap(),
        Encoding::Snappy => snap::raw::Encoder::new().compress_vec(plain).unwrap(),
        Encoding::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(plain).unwrap();
            encoder.finish().unwrap()
        }
    };
    out.into()
}

fn framed_snappy(plain: &[u8]) -> Bytes {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.into_inner().unwrap().into()
}

fn unpacked(encoding: Encoding, body: &Bytes, limit: usize) -> Result<Vec<u8>, InflateError> {
    inflate(body, encoding, limit, Vec::new(), |_| true)
}

/// Bytes that compress somewhat, different in every part.
fn text(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| format!("row {number} of many; ").into_bytes()).take(length).collect()
}

#[test]
fn every_encoding_gives_back_what_went_in() {
    for length in [0, 1, 1_000, 300_000] {
        let plain = text(length);
        for encoding in ALL {
            assert_eq!(unpacked(encoding, &packed(encoding, &plain), 1 << 20).as_ref(), Ok(&plain), "{encoding:?}");
        }
        assert_eq!(unpacked(Encoding::Snappy, &framed_snappy(&plain), 1 << 20), Ok(plain), "framed, {length}");
    }
}

#[test]
fn a_bare_deflate_stream_is_taken_for_deflate() {
    let plain = text(10_000);
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&plain).unwrap();
    assert_eq!(unpacked(Encoding::Deflate, &encoder.finish().unwrap().into(), 1 << 20), Ok(plain));
}

#[test]
fn members_and_frames_may_follow_one_another() {
    let plain = text(100_000);
    for encoding in [Encoding::Gzip, Encoding::Zstd, Encoding::Lz4] {
        // Two that are equal, too: their trailers are.
        let body = [packed(encoding, &plain), packed(encoding, &plain), packed(encoding, b"end")].concat().into();
        let whole = [&plain[..], &plain[..], b"end"].concat();
        assert_eq!(unpacked(encoding, &body, 1 << 20), Ok(whole), "{encoding:?}");
        let twice = [packed(encoding, &plain), packed(encoding, &plain)].concat().into();
        assert_eq!(unpacked(encoding, &twice, 1 << 20).map(|out| out.len()), Ok(200_000), "{encoding:?}");
    }
}

#[test]
fn a_bomb_is_told_too_large_and_allocates_no_more_than_the_limit() {
    let limit = 200_000;
    for (encoding, bomb) in ALL
        .map(|encoding| (encoding, packed(encoding, &vec![0; 2 << 20])))
        .into_iter()
        .chain([(Encoding::Snappy, framed_snappy(&vec![0; 2 << 20]))])
    {
        let mut asked = 0;
        let told = inflate(&bomb, encoding, limit, Vec::new(), |length| {
            asked = asked.max(length);
            true
        });
        assert_eq!(told, Err(InflateError::TooLarge(limit)), "{encoding:?}");
        assert!(asked <= limit, "{encoding:?}: room for {asked} bytes was asked for");
    }
}

#[test]
fn exactly_the_limit_is_not_too_large() {
    let plain = text(200_000);
    for encoding in ALL {
        let told = inflate(&packed(encoding, &plain), encoding, plain.len(), Vec::new(), |length| length <= 200_000);
        let out = told.unwrap();
        assert_eq!(out, plain);
        assert!(out.capacity() <= plain.len() + 1, "{encoding:?}: {}", out.capacity());
    }
}

#[test]
fn without_room_nothing_is_unfolded() {
    for encoding in ALL {
        let told = inflate(&packed(encoding, &text(200_000)), encoding, 1 << 20, Vec::new(), |length| length < 150_000);
        assert_eq!(told, Err(InflateError::NoRoom), "{encoding:?}");
    }
}

#[test]
fn a_claimed_size_that_cannot_be_is_not_believed() {
    let mut asked = 0;
    let mut gzip = packed(Encoding::Gzip, b"small").to_vec();
    let end = gzip.len() - 4;
    gzip[end..].copy_from_slice(&(1_u32 << 30).to_le_bytes());
    let told = inflate(&gzip.into(), Encoding::Gzip, 2 << 30, Vec::new(), |length| {
        asked = length;
        true
    });
    assert_eq!((told, asked), (Err(InflateError::Corrupt), PIECE));
    // A block that claims a gigabyte in five bytes.
    let told =
        inflate(&Bytes::from_static(&[0x80, 0x80, 0x80, 0x80, 4]), Encoding::Snappy, 2 << 30, Vec::new(), |_| {
            panic!("nothing may be asked for")
        });
    assert_eq!(told, Err(InflateError::Corrupt));
}

#[test]
fn a_window_of_more_than_8_mebibytes_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&text(100_000)).unwrap();
    assert_eq!(unpacked(Encoding::Zstd, &encoder.finish().unwrap().into(), 1 << 20), Err(InflateError::Corrupt));
}

#[test]
fn what_is_cut_or_no_such_thing_is_corrupt() {
    let plain = text(300_000);
    for encoding in ALL.into_iter().filter(|encoding| *encoding != Encoding::Identity) {
        let whole = packed(encoding, &plain);
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            assert_eq!(
                unpacked(encoding, &whole.slice(..cut), 1 << 20),
                Err(InflateError::Corrupt),
                "{encoding:?} {cut}"
            );
        }
        assert_eq!(unpacked(encoding, &Bytes::from_static(b"no such thing"), 1 << 20), Err(InflateError::Corrupt));
    }
}

#[test]
fn names_have_no_case() {
    for (name, encoding) in [
        ("GZIP", Some(Encoding::Gzip)),
        ("Zstd", Some(Encoding::Zstd)),
        ("zlib", Some(Encoding::Deflate)),
        ("X-Snappy-Framed", Some(Encoding::Snappy)),
        ("", Some(Encoding::Identity)),
        ("br", None),
        ("gzip, gzip", None),
    ] {
        assert_eq!(Encoding::named(name), encoding, "{name}");
    }
    assert!(Encoding::ACCEPTED.split(',').all(|name| Encoding::named(name).is_some()));
}
