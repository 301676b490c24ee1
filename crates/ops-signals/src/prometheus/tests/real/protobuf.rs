//! The one form in which Prometheus 2 scrapes native histograms: `io.prometheus.client.MetricFamily`
//! of `client_model`'s `metrics.proto`, each with its length before it.

/// The type of the answer to a scrape.
pub(super) const KIND: &str = "application/vnd.google.protobuf; \
    proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// A native histogram without labels, of `times` observations of each duration.
pub(super) fn histogram(name: &str, schema: i32, seconds: &[f64], times: u64) -> Vec<u8> {
    let scale = f64::from(schema).exp2();
    let mut buckets: Vec<i64> =
        seconds.iter().map(|second| (second.log2() * scale).ceil() as i64).collect();
    buckets.sort_unstable();

    let mut histogram = Vec::new();
    whole(&mut histogram, 1, times * seconds.len() as u64);
    double(&mut histogram, 2, times as f64 * seconds.iter().sum::<f64>());
    whole(&mut histogram, 5, zigzag(i64::from(schema)));
    double(&mut histogram, 6, 1e-9);
    let (mut next, mut before) = (0, 0);
    for bucket in &buckets {
        let mut span = Vec::new();
        whole(&mut span, 1, zigzag(bucket - next));
        whole(&mut span, 2, 1);
        bytes(&mut histogram, 12, &span);
        next = bucket + 1;
    }
    for _ in &buckets {
        whole(&mut histogram, 13, zigzag(times as i64 - before));
        before = times as i64;
    }

    let (mut metric, mut family, mut told) = (Vec::new(), Vec::new(), Vec::new());
    bytes(&mut metric, 7, &histogram);
    bytes(&mut family, 1, name.as_bytes());
    // A histogram.
    whole(&mut family, 3, 4);
    bytes(&mut family, 4, &metric);
    varint(&mut told, family.len() as u64);
    told.extend(family);
    told
}

fn varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

fn whole(to: &mut Vec<u8>, field: u64, number: u64) {
    varint(to, field << 3);
    varint(to, number);
}

fn double(to: &mut Vec<u8>, field: u64, number: f64) {
    varint(to, field << 3 | 1);
    to.extend(number.to_le_bytes());
}

fn bytes(to: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(to, field << 3 | 2);
    varint(to, content.len() as u64);
    to.extend(content);
}
