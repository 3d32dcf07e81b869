import Postgres
import TestSupport
import Testing

@testable import Ledger

@Suite struct LatencySketchTests {
    private static let samples: [Int64] =
        [0, 1, 15, 16, 17, 18, 100, 1_234, 99_999, 1_048_575, 1_048_576, 1 << 40]
        + LatencySketch.bounds.flatMap { [$0 - 1, $0, $0 + 1] }

    @Test func `a percentile is at most a sixteenth off`() {
        var values: [Int64] = []
        var sketch = LatencySketch()
        var state: UInt64 = 7
        for _ in 0..<10_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = Int64(state >> 40) % 600_000 / Int64(1 + (state >> 33) % 500)
            values.append(value)
            sketch.add(value)
        }
        values.sort()
        for percent: Int64 in [1, 10, 50, 90, 95, 99, 100] {
            let exact = values[Int(max(1, (10_000 * percent + 99) / 100)) - 1]
            let found = sketch.percentile(percent) ?? -1
            #expect(abs(found - exact) * 16 <= exact, "p\(percent): \(found), not \(exact)")
        }
        #expect(LatencySketch().percentile(50) == nil)
    }

    @Test func `sketches add up in any order`() {
        var (all, even, odd) = (LatencySketch(), LatencySketch(), LatencySketch())
        for (index, value) in Self.samples.enumerated() {
            all.add(value)
            if index.isMultiple(of: 2) { even.add(value) } else { odd.add(value) }
        }
        var (left, right) = (even, odd)
        left += odd
        right += even
        #expect(left == all)
        #expect(right == all)
    }

    @Test(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
    func `the database sorts latencies into the same buckets, and its sum is the same sketch`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let rows = try await ledger.service.read { session in
                try session.execute(
                    """
                    SELECT value, latency_bucket(value) AS bucket,
                        (sum(latency_sketch(value)) OVER ())::text AS sketch
                    FROM unnest(\(Self.samples)) AS value
                    """
                ).map { row in
                    (
                        value: try row.get("value", as: Int64.self),
                        bucket: try row.get("bucket", as: Int32.self),
                        sketch: try row.get("sketch", as: String.self)
                    )
                }
            }
            var expected = LatencySketch()
            for row in rows {
                #expect(Int(row.bucket) == LatencySketch.bucket(of: row.value), "\(row.value)")
                expected.add(row.value)
            }
            #expect(LatencySketch(decimal: try #require(rows.first).sketch) == expected)
            #expect(rows.count == Self.samples.count)
        }
    }
}
