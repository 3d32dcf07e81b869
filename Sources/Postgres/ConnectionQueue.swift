/// Which connection serves whom: first come, first served, with a bound on who may wait.
///
/// A pure value; `Database` holds the continuations that belong to the waiters' numbers.
struct ConnectionQueue: Sendable {
    private let connectionCount: Int
    private let waitersMax: Int
    /// Free connections, the one used last at the end: it is used first, so surplus ones stay idle.
    private var free: [Int]
    private var waiters: [UInt64] = []

    init(connectionCount: Int, waitersMax: Int) {
        self.connectionCount = connectionCount
        self.waitersMax = waitersMax
        free = Array((0..<connectionCount).reversed())
    }

    /// Whether no connection is in use.
    var isAtRest: Bool { free.count == connectionCount }

    /// Takes a free connection, if there is one; nobody waits while one is free.
    mutating func take() -> Int? {
        free.popLast()
    }

    /// Adds a waiter at the end; false when too many wait already.
    mutating func wait(_ waiter: UInt64) -> Bool {
        guard waiters.count < waitersMax else { return false }
        waiters.append(waiter)
        return true
    }

    /// Puts a connection back and returns the waiter that it goes to, if any.
    mutating func putBack(_ connection: Int) -> UInt64? {
        guard waiters.isEmpty else { return waiters.removeFirst() }
        free.append(connection)
        return nil
    }

    /// Removes a waiter that gave up; false when it has been served already.
    mutating func giveUp(_ waiter: UInt64) -> Bool {
        guard let index = waiters.firstIndex(of: waiter) else { return false }
        waiters.remove(at: index)
        return true
    }
}
