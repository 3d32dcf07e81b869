import EventLoop

/// The connections of one client, and the transfers that they carry or that wait for one.
final class ConnectionPool {
    /// How much is read at once, of whichever connection.
    private static let readBufferBytes = 64 * 1_024

    let loop: EventLoop
    let configuration: CurlConfiguration
    let readBuffer: UnsafeMutableRawBufferPointer
    private(set) var counters = CurlCounters()
    private(set) var isClosed = false
    private let connector: Connector
    private var targets = TargetTable()
    private var transfers: [Transfer] = []
    private var connections: [Connection] = []

    init(loop: EventLoop, configuration: CurlConfiguration) throws(CurlError) {
        self.loop = loop
        self.configuration = configuration
        connector = try Connector(loop: loop, configuration: configuration)
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 16)
    }

    deinit {
        assert(isClosed, "a CurlClient must be closed on its loop before it is dropped")
        readBuffer.deallocate()
    }

    // MARK: Transfers

    /// Sends a request on an idle connection, or else on a new one.
    func start(_ request: CurlRequest) throws(CurlError) -> Transfer {
        let target = try targets.target(of: request)
        let transfer = Transfer(request, to: target, pool: self)
        transfer.place = transfers.count
        transfers.append(transfer)
        counters.transfers += 1
        counters.open += 1
        if transfer.admits == nil, let connection = takeIdle(target.origin) {
            counters.reuses += 1
            connection.carry(transfer)
        } else {
            connect(transfer)
        }
        return transfer
    }

    /// Makes a connection for a transfer.
    func connect(_ transfer: Transfer) {
        do throws(CurlError) {
            let attempt = try connector.connect(to: transfer.target.origin, for: transfer) {
                [self] in connected($0, for: transfer)
            }
            transfer.waits(for: attempt)
        } catch {
            transfer.fail(error)
        }
    }

    private func connected(
        _ outcome: Result<any ByteStream, CurlError>,
        for transfer: Transfer
    ) {
        switch outcome {
        case .failure(let error):
            transfer.fail(error)
        case .success(let stream):
            counters.connects += 1
            let connection = Connection(stream, to: transfer.target.origin, pool: self)
            connection.place = connections.count
            connections.append(connection)
            connection.carry(transfer)
        }
    }

    /// A transfer has ended.
    func remove(_ transfer: Transfer) {
        counters.open -= 1
        counters.resends += transfer.machine.resendCount
        let last = transfers.removeLast()
        guard last !== transfer else { return }
        transfers[transfer.place] = last
        last.place = transfer.place
    }

    // MARK: Connections

    private func takeIdle(_ origin: Origin) -> Connection? {
        while let connection = origin.idle.popLast() {
            if let since = connection.idleSince,
                loop.time - since < configuration.connectionIdleMax, connection.isQuiet
            {
                return connection
            }
            connection.close()
        }
        return nil
    }

    /// Keeps a connection for the next transfer to its origin.
    func keep(_ connection: Connection) {
        connection.origin.idle.append(connection)
        guard connections.count > configuration.connectionsMax else { return }
        let idle = connections.filter { $0.idleSince != nil }
        idle.min { $0.idleSince ?? loop.time < $1.idleSince ?? loop.time }?.close()
    }

    /// A connection has been closed.
    func remove(_ connection: Connection) {
        if connection.idleSince != nil {
            connection.origin.idle.removeAll { $0 === connection }
        }
        let last = connections.removeLast()
        guard last !== connection else { return }
        connections[connection.place] = last
        last.place = connection.place
    }

    /// Ends every transfer with `.closed` and closes every connection.
    func close() {
        loop.preconditionCurrent()
        guard !isClosed else { return }
        isClosed = true
        for transfer in transfers {
            transfer.abandon(.closed(isRetrySafe: transfer.machine.isRetrySafe))
        }
        for connection in connections { connection.close() }
        connector.close()
    }
}
