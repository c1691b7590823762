use std::{fs, time::Duration};

use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message as _;

use super::*;
use node::{Node, lines};

mod model;
mod node;

#[test]
fn a_first_run_begins_at_the_end_and_new_files_at_their_beginning() {
    let mut node = Node::new(false);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read(), [] as [&str; 0]);
    node.write("0.log", &lines(3..5));
    node.write("1.log", &lines(5..6));
    assert_eq!(node.read(), ["line 3", "line 4", "line 5"]);
}

#[test]
fn a_first_run_in_the_middle_of_a_line_begins_with_that_line() {
    let mut node = Node::new(false);
    let line = &lines(0..1);
    node.write("0.log", &line[..20]);
    assert_eq!(node.read(), [] as [&str; 0]);
    node.write("0.log", &line[20..]);
    assert_eq!(node.read(), ["line 0"]);
}

#[test]
fn a_rotated_file_is_read_to_its_end_before_the_next() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read(), ["line 0", "line 1", "line 2"]);
    node.write("0.log", &lines(3..5));
    node.rename("0.log", "0.log.20261124-101500");
    node.write("0.log", &lines(5..6));
    assert_eq!(node.read(), ["line 3", "line 4"], "the runtime may still write to the renamed file");
    node.write("0.log.20261124-101500", &lines(90..91));
    assert_eq!(node.read(), ["line 90"]);
    node.age("0.log.20261124-101500");
    assert_eq!(node.read(), ["line 5"]);
}

#[test]
fn a_file_that_one_look_misses_is_not_read_again() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read().len(), 3);
    node.answer_all();
    // Renamed while the folder was read, it is under neither name.
    node.rename("0.log", "elsewhere");
    node.look();
    node.rename("elsewhere", "0.log.20261124-101500");
    node.write("0.log", &lines(3..4));
    node.age("0.log.20261124-101500");
    assert_eq!(node.read_all(), ["line 3"]);
}

#[test]
fn a_position_that_the_first_look_misses_is_there_for_the_second() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read().len(), 3);
    node.answer_all();
    node.restart(|node| node.rename("0.log", "elsewhere"));
    node.look();
    node.restart(|_| ());
    node.look();
    node.rename("elsewhere", "0.log");
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_text_that_is_there_in_both_forms_is_read_once() {
    let mut node = Node::new(true);
    let (rotated, beside) = ("0.log.20261124-101500", "elsewhere");
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read().len(), 3);
    node.answer_all();
    node.rename("0.log", rotated);
    fs::hard_link(node.path(rotated), node.path(beside)).unwrap();
    node.compress(rotated);
    node.rename(beside, rotated);
    node.write("0.log", &lines(3..4));
    node.age(rotated);
    assert_eq!(node.read_all(), ["line 3"]);
    node.answer_all();
    node.restart(|_| ());
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_compressed_file_on_the_inode_of_another_is_read() {
    for is_running in [true, false] {
        let mut node = Node::new(false);
        let (first, second) = ("0.log.20261124-101500", "0.log.20261124-101600");
        node.write(first, &lines(0..3));
        node.compress(first);
        node.write("0.log", "");
        assert_eq!(node.read(), [] as [&str; 0], "it was there before anybody looked");
        let instead = |node: &Node| {
            node.write(second, &lines(3..6));
            node.compress(second);
            let content = fs::read(node.path(&format!("{second}.gz"))).unwrap();
            node.delete(&format!("{second}.gz"));
            node.rename(&format!("{first}.gz"), &format!("{second}.gz"));
            fs::write(node.path(&format!("{second}.gz")), content).unwrap();
        };
        if is_running {
            instead(&node);
        } else {
            node.restart(instead);
        }
        assert_eq!(node.read_all(), ["line 3", "line 4", "line 5"], "running: {is_running}");
    }
}

#[test]
fn files_of_a_folder_that_cannot_be_read_are_not_gone() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read().len(), 3);
    node.answer_all();
    // A link that leads to itself.
    std::os::unix::fs::symlink(node.path("1.log"), node.path("1.log")).unwrap();
    node.rename("0.log", "elsewhere");
    for _ in 0..3 {
        assert_eq!(node.reader.look(node.now).unwrap(), 1);
    }
    node.restart(|_| ());
    for _ in 0..3 {
        assert_eq!(node.reader.look(node.now).unwrap(), 1);
    }
    node.delete("1.log");
    node.rename("elsewhere", "0.log");
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_file_that_was_seen_and_not_read_keeps_its_inode() {
    let mut node = Node::new(true);
    let rotated = "0.log.20261124-101500";
    node.write("0.log", &lines(0..2));
    node.look();
    node.rename("0.log", rotated);
    node.compress(rotated);
    // Were the inode free, this would most likely get it.
    node.write("0.log", &lines(2..3));
    node.chunk();
    node.read_all();
    assert_eq!(node.all(), ["line 0", "line 1", "line 2"]);
}

#[test]
fn what_was_compressed_while_nobody_read_continues_where_reading_ended() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..50));
    assert_eq!(node.read().len(), 50);
    node.answer_all();
    node.write("0.log", &lines(50..60));
    node.restart(|node| {
        node.rename("0.log", "0.log.20261124-101500");
        node.compress("0.log.20261124-101500");
        node.write("0.log.20261124-101600", &lines(60..70));
        node.age("0.log.20261124-101600");
        node.write("0.log", &lines(70..80));
    });
    let expected: Vec<_> = (50..80).map(|number| format!("line {number}")).collect();
    assert_eq!(node.read_all(), expected);
    node.answer_all();
    node.restart(|node| node.compress("0.log.20261124-101600"));
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_file_compressed_under_the_reader_is_read_once() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..50_000));
    node.look();
    node.chunk();
    assert!(node.count() < 50_000, "there must be more than a chunk");
    node.rename("0.log", "0.log.20261124-101500");
    node.write("0.log", &lines(50_000..50_001));
    node.look();
    node.compress("0.log.20261124-101500");
    assert_eq!(node.read_all().last().unwrap(), "line 50000");
    assert_eq!(node.count(), 50_001);
    node.answer_all();
    node.restart(|_| ());
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_deleted_file_that_is_open_is_read_to_its_end_and_forgotten() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..1));
    assert_eq!(node.read(), ["line 0"]);
    node.write("0.log", &lines(1..3));
    node.delete("0.log");
    assert_eq!(node.read(), ["line 1", "line 2"]);
    node.answer_all();
    assert_eq!(node.reader.positions().files.len(), 1);
    node.look();
    assert_eq!(node.reader.positions().files, []);
    assert!(node.reader.logs.is_empty());
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    assert_eq!(node.read().len(), 3);
    node.truncate("0.log");
    node.write("0.log", &lines(3..4));
    assert_eq!(node.read(), ["line 3"]);
    node.truncate("0.log");
    node.write("0.log", &lines(4..9));
    assert_eq!(node.read().len(), 5, "longer than before it was truncated");
}

#[test]
fn positions_move_only_in_the_order_of_the_batches() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..1));
    node.read();
    node.write("0.log", &lines(1..2));
    node.read();
    let length = lines(0..1).len() as u64;
    node.answer(2);
    assert_eq!(node.reader.positions().files[0].offset, 0);
    node.answer(1);
    assert_eq!(node.reader.positions().files[0].offset, 2 * length);
}

#[test]
fn a_batch_that_the_spool_has_is_not_read_again_though_nobody_heard_of_it() {
    let mut node = Node::new(false);
    node.write("0.log", &lines(0..2));
    node.look();
    node.save();
    node.write("0.log", &lines(2..4));
    assert_eq!(node.read(), ["line 2", "line 3"]);
    node.write("0.log", &lines(4..6));
    assert_eq!(node.read(), ["line 4", "line 5"]);
    node.keep();
    node.kill();
    node.write("1.log", &lines(6..7));
    assert_eq!(node.read(), ["line 4", "line 5", "line 6"]);
    assert_eq!(node.sealed[0].0, 2, "numbers go on behind what is kept");
}

#[test]
fn a_file_that_is_found_empty_is_the_same_when_it_is_written_to() {
    let mut node = Node::new(true);
    node.write("0.log", "");
    node.look();
    node.write("0.log", &lines(0..1));
    assert_eq!(node.read(), ["line 0"]);
    assert_eq!(node.reader.positions().files.len(), 1);
}

#[test]
fn a_batch_is_not_read_again_though_its_file_was_compressed_before_the_checkpoint() {
    let mut node = Node::new(true);
    node.look();
    node.save();
    node.write("0.log", &lines(0..2));
    assert_eq!(node.read().len(), 2);
    node.keep();
    node.rename("0.log", "0.log.20261124-101500");
    node.compress("0.log.20261124-101500");
    node.look();
    node.save();
    node.kill();
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn of_several_positions_of_a_file_the_one_that_says_most_counts() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..1));
    node.read();
    node.answer_all();
    let early = node.reader.positions();
    node.write("0.log", &lines(1..30));
    node.read();
    node.answer_all();
    let mut saved = node.reader.positions();
    assert_ne!(early.files[0].fingerprint, saved.files[0].fingerprint);
    saved.files.insert(0, early.files[0].clone());
    node.restart_from(saved);
    assert_eq!(node.read(), [] as [&str; 0]);
}

#[test]
fn an_open_text_is_read_again_after_a_restart() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..1));
    node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout P first ");
    node.write("0.log", "half\n2026-11-24T16:27:03.000000001Z stderr F other\n");
    assert_eq!(node.read(), ["line 0", "other"]);
    node.answer_all();
    assert_eq!(node.reader.positions().files[0].offset, lines(0..1).len() as u64);
    node.restart(|node| node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout F second half\n"));
    assert_eq!(node.read(), ["first halfsecond half"], "whole, and nothing in between is repeated");
}

#[test]
fn an_open_text_is_whole_after_a_restart_though_its_parts_are_in_two_files() {
    let mut node = Node::new(true);
    node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout P one \n");
    node.rename("0.log", "0.log.20261124-101500");
    node.age("0.log.20261124-101500");
    let stamp = "2026-11-24T16:27:03.000000001Z";
    node.write("0.log", &format!("{stamp} stderr F other\n{stamp} stdout P two \n{stamp} stderr F more\n"));
    assert_eq!(node.read_all(), ["other", "more"]);
    node.answer_all();
    node.restart(|node| node.write("0.log", &format!("{stamp} stdout F three\n")));
    assert_eq!(node.read_all(), ["one two three"]);
    node.answer_all();
    node.restart(|node| node.compress("0.log.20261124-101500"));
    assert_eq!(node.read_all(), [] as [&str; 0]);
}

#[test]
fn a_line_without_an_end_is_not_told_again_after_a_restart() {
    let mut node = Node::new(true);
    node.write("0.log", &"x".repeat(300_000));
    assert_eq!(node.read().len(), 1);
    node.answer_all();
    node.restart(|node| node.write("0.log", &format!("xxx\n{}", lines(0..1))));
    assert_eq!(node.read_all(), ["line 0"]);
}

#[test]
fn an_open_text_goes_on_in_the_next_file_and_is_not_waited_for_for_ever() {
    let mut node = Node::new(true);
    node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout P one \n");
    assert_eq!(node.read(), [] as [&str; 0]);
    node.rename("0.log", "0.log.20261124-101500");
    node.age("0.log.20261124-101500");
    node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout F two\n");
    assert_eq!(node.read_all(), ["one two"]);
    node.write("0.log", "2026-11-24T16:27:03.000000001Z stdout P half\n");
    assert_eq!(node.read(), [] as [&str; 0]);
    node.now += Duration::from_secs(6);
    assert_eq!(node.read(), ["half"]);
}

#[test]
fn a_line_without_an_end_costs_a_record_and_no_memory() {
    let mut node = Node::new(true);
    for _ in 0..5 {
        node.write("0.log", &"x".repeat(200_000));
    }
    node.write("0.log", &format!("\n{}", lines(0..2)));
    let read = node.read_all();
    assert_eq!(read.len(), 3);
    assert_eq!((read[0].len(), &read[1][..], &read[2][..]), (1024, "line 0", "line 1"));
    assert!(node.reader.buffer.capacity() <= 2 * super::super::tail::CHUNK);
}

#[test]
fn binary_and_strange_lines_are_sent_as_they_stand() {
    let mut node = Node::new(true);
    fs::write(node.path("0.log"), b"\xff\x00\xfe\nplain\n\n2026-11-24T16:27:03Z stdout F ok\n").unwrap();
    assert_eq!(node.read(), ["\u{fffd}\0\u{fffd}", "plain", "ok"]);
}

#[test]
fn an_inode_that_is_used_again_is_another_file() {
    let mut node = Node::new(true);
    node.write("0.log", &lines(0..3));
    node.read();
    node.answer_all();
    let mut saved = node.reader.positions();
    node.delete("0.log");
    node.write("0.log", &lines(7..9));
    let metadata = fs::metadata(node.path("0.log")).unwrap();
    saved.files[0].inode = discover::Identity::of(&metadata).inode;
    node.restart_from(saved);
    assert_eq!(node.read(), ["line 7", "line 8"]);
}

#[test]
fn records_know_their_container_and_their_file() {
    let mut node = Node::new(true);
    node.write("2.log", &lines(0..1));
    node.read();
    let request = ExportLogsServiceRequest::decode(&*node.sealed[0].1).unwrap();
    let group = &request.resource_logs[0];
    let pairs = |attributes: &[KeyValue]| -> Vec<(String, String)> {
        let text = |pair: &KeyValue| match pair.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text.clone(),
            other => format!("{other:?}"),
        };
        attributes.iter().map(|pair| (pair.key.clone(), text(pair))).collect()
    };
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let expected = owned(&[
        ("k8s.namespace.name", "shop"),
        ("k8s.pod.name", "cart"),
        ("k8s.pod.uid", "uid-1"),
        ("k8s.container.name", "main"),
        ("k8s.container.restart_count", "2"),
        ("k8s.node.name", "node-1"),
    ]);
    assert_eq!(pairs(&group.resource.as_ref().unwrap().attributes), expected);
    let path = node.path("2.log").display().to_string();
    let expected = owned(&[("log.file.path", &path), ("log.iostream", "stdout"), ("logtag", "F")]);
    assert_eq!(pairs(&group.scope_logs[0].log_records[0].attributes), expected);
}

#[test]
fn a_log_waits_for_its_pod_to_be_known_and_not_for_ever() {
    let mut node = Node::new(true);
    node.expect_pods();
    node.write("0.log", &lines(0..2));
    node.now += Duration::from_secs(100);
    assert_eq!(node.read(), [] as [&str; 0]);
    node.now += Duration::from_secs(4);
    assert_eq!(node.read(), [] as [&str; 0]);
    node.now += Duration::from_secs(1);
    assert_eq!(node.read(), ["line 0", "line 1"]);
}
