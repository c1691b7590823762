use super::*;

fn decoded(request: Request) -> ExportMetricsServiceRequest {
    ExportMetricsServiceRequest::decode(request.finish()).unwrap()
}

#[test]
fn resources_stand_one_after_another_in_one_request() {
    let mut request = Request::new("shop", 7);
    let usage = Metric::new("usage", "{cpu}", Kind::Gauge).with(Point::new(0.5).of("cpu", "cpu0"));
    request.add([("pod", "cart")], [usage]);
    let count = Metric::new("io", "By", Kind::Count).with(Point::new(3_u64).since(5)).with(Point::new(4_u64).since(5));
    let amount = Metric::new("held", "By", Kind::Amount).with(Point::new(9_u64));
    request.add([("pod", "pay")], [count, amount]);
    assert_eq!(request.points(), 4);
    assert!(request.size() > 0);

    let [cart, pay] = &decoded(request).resource_metrics[..] else { panic!("two resources") };
    assert_eq!(cart.resource.as_ref().unwrap().attributes, [attribute("pod".into(), "cart".into())]);
    assert_eq!(cart.scope_metrics[0].scope.as_ref().unwrap().name, "shop");
    let gauge = &cart.scope_metrics[0].metrics[0];
    assert_eq!((gauge.name.as_str(), gauge.unit.as_str()), ("usage", "{cpu}"));
    let Some(metric::Data::Gauge(gauge)) = &gauge.data else { panic!("{gauge:?}") };
    let point = &gauge.data_points[0];
    assert_eq!((point.time_unix_nano, point.start_time_unix_nano), (7, 0));
    assert_eq!(point.value, Some(number_data_point::Value::AsDouble(0.5)));
    assert_eq!(point.attributes, [attribute("cpu".into(), "cpu0".into())]);
    let sums: Vec<_> = pay.scope_metrics[0]
        .metrics
        .iter()
        .map(|metric| {
            let Some(metric::Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
            (sum.is_monotonic, sum.aggregation_temporality(), sum.data_points[0].start_time_unix_nano)
        })
        .collect();
    assert_eq!(sums, [(true, AggregationTemporality::Cumulative, 5), (false, AggregationTemporality::Cumulative, 0)]);
}

#[test]
fn what_has_no_point_is_left_out() {
    let mut request = Request::new("shop", 7);
    request.add([("pod", "cart")], [Metric::new("usage", "{cpu}", Kind::Gauge)]);
    assert_eq!((request.points(), request.size()), (0, 0));
    assert!(decoded(request).resource_metrics.is_empty());
}

#[test]
fn a_count_beyond_63_bits_is_still_no_negative_one() {
    assert_eq!(Value::from(u64::MAX), Value::Integer(i64::MAX));
    assert_eq!(Value::from(1_u64 << 63), Value::Integer(0));
}
