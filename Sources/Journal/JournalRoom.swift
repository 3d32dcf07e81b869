/// The journal's room: its own quota, and the reserve on the disk.
///
/// In both, the last `reserveBytes` are for settling calls that run when the room is used up.
struct JournalRoom {
    private static let pageBytes = 4_096

    private let connection: Connection
    private let reserve: DiskReserve
    private let quotaPages: Int?
    private let reservePages: Int

    init(_ connection: Connection, _ configuration: JournalConfiguration) {
        self.connection = connection
        reserve = DiskReserve(configuration)
        quotaPages = configuration.fileBytesMax.map { max(1, $0 / Self.pageBytes) }
        reservePages = configuration.reserveBytes / Self.pageBytes
    }

    /// Sets the reserve aside again; throws `diskFull` while there is no room for it.
    func restore() throws(JournalError) {
        if let quotaPages {
            var usedPages = 0
            try connection.prepare("PRAGMA page_count").run { usedPages = Int($0.integer(0)) }
            try connection.prepare("PRAGMA freelist_count").run {
                usedPages -= Int($0.integer(0))
            }
            guard usedPages < quotaPages else {
                throw JournalError(.diskFull, "the quota is used up")
            }
            try connection.execute("PRAGMA max_page_count = \(quotaPages)")
        }
        try reserve.occupy()
    }

    /// Opens the reserve for what must still be written.
    func yield() {
        reserve.yield()
        guard let quotaPages else { return }
        try? connection.execute("PRAGMA max_page_count = \(quotaPages + reservePages)")
    }
}
