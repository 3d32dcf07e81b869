import Schema
import Shapes

/// What the console can see of the very instance that serves it, read from memory.
package struct InstanceView: Sendable {
    /// What the journal holds.
    package struct JournalDepth: Hashable, Sendable {
        /// Calls that have not ended.
        let open: Int
        /// Events that PostgreSQL does not have yet.
        let unshipped: Int
        let bytes: Int

        package init(open: Int, unshipped: Int, bytes: Int) {
            (self.open, self.unshipped, self.bytes) = (open, unshipped, bytes)
        }
    }

    /// What its calls are like.
    package struct Glance: Hashable, Sendable {
        let openStreams: Int64
        /// Bounds of the time to the first byte since its start, in milliseconds, of half and of
        /// 95 of a hundred answers.
        let firstByteOfHalf: Int64?
        let firstByteOfMost: Int64?

        package init(openStreams: Int64, firstByteOfHalf: Int64?, firstByteOfMost: Int64?) {
            self.openStreams = openStreams
            self.firstByteOfHalf = firstByteOfHalf
            self.firstByteOfMost = firstByteOfMost
        }
    }

    let id: InstanceID
    /// Calls that are under way, of one account or of all; at most so many.
    let calls: @Sendable (AccountID?, Int) async -> RunningCallList
    let upstreams: @Sendable () -> [UpstreamView]
    let journal: @Sendable () -> JournalDepth
    let glance: @Sendable () -> Glance

    package init(
        id: InstanceID,
        calls: @escaping @Sendable (AccountID?, Int) async -> RunningCallList,
        upstreams: @escaping @Sendable () -> [UpstreamView],
        journal: @escaping @Sendable () -> JournalDepth,
        glance: @escaping @Sendable () -> Glance
    ) {
        self.id = id
        self.calls = calls
        self.upstreams = upstreams
        self.journal = journal
        self.glance = glance
    }
}
