import Ingress
import Ledger
import LedgerModel
import Schema

/// Messages between processes and the database, and what becomes of them on the way.
extension World {
    @discardableResult
    func send(_ body: Message.Body, from process: Process) -> Int {
        messageCount += 1
        let message = Message(process: process.id, token: messageCount, body: body)
        agenda.add(.deliver(message), at: after(.milliseconds(10)))
        return messageCount
    }

    private var losesMessages: Bool { plan.losesMessages && !isHealed }

    func deliver(_ message: Message) {
        if isAway || (losesMessages && dice.chance(4)) {
            note("\(message.words): the database cannot be reached")
            return answer(message, failure(of: message, .unavailable))
        }
        database.now = serverClock
        let reply = execute(message)
        note("\(message.words): \(reply.words)")
        watch(message, reply)
        if losesMessages, !message.isDouble, dice.chance(4) {
            var double = message
            double.isDouble = true
            agenda.add(.deliver(double), at: after(.milliseconds(dice.chance(30) ? 4_000 : 50)))
        }
        // The commit is done, and nobody is told.
        if losesMessages, dice.chance(6) {
            return answer(message, failure(of: message, .outcomeUnknown))
        }
        answer(message, reply)
    }

    private func answer(_ message: Message, _ reply: Reply) {
        let isLate = losesMessages && dice.chance(3)
        let limit: Moment = .milliseconds(isLate ? 2_000 : 10)
        agenda.add(.local(message.process, .reply(message, reply)), at: after(limit))
    }

    private func execute(_ message: Message) -> Reply {
        let process = processes[message.process]
        switch message.body {
        case .register(let expected):
            return .registered(register(process, expected))
        case .heartbeat(let request, _):
            return .heartbeat(.success(database.heartbeat(request)))
        case .acquire(let request):
            return .acquired(acquire(request))
        case .giveBack(let request):
            return .gaveBack(
                attempt { database throws(LedgerError) in try database.giveBack(request) }
            )
        case .reclaim(let request):
            return .reclaimed(
                attempt { database throws(LedgerError) in try database.reclaim(request) }
            )
        case .closeLost(let identity):
            return .closed(closeLost(identity))
        case .reoffer(let shipment):
            return .appended(append(shipment))
        case .rejoin(let request, _):
            return .registered(
                attempt { database throws(LedgerError) in try database.rejoin(request) }
            )
        case .closeEarlier:
            guard let identity = process.tenure?.identity else {
                return failure(of: message, .unavailable)
            }
            checkShipped(before: identity, process)
            return .closed(
                attempt { database throws(LedgerError) in
                    try database.closeEarlierEpochs(identity)
                }
            )
        case .append(let shipment):
            return .appended(append(shipment))
        case .sweepStreams:
            return .swept(.success(database.streamsBehind()))
        case .project(let targets):
            return .projected(.success(project(targets)))
        case .stopStream(let stream):
            database.stopStream(stream.account)
            return .streamStopped(.success(stream.account))
        }
    }

    func attempt<Value>(
        _ body: (inout ModelDatabase) throws(LedgerError) -> Value
    ) -> Result<Value, LedgerError> {
        do throws(LedgerError) {
            return .success(try body(&database))
        } catch {
            return .failure(error)
        }
    }

    private func failure(of message: Message, _ code: LedgerError.Code) -> Reply {
        let error = LedgerError(code, "simulated")
        switch message.body {
        case .register: return .registered(.failure(error))
        case .heartbeat: return .heartbeat(.failure(error))
        case .acquire: return .acquired(.failure(error))
        case .giveBack: return .gaveBack(.failure(error))
        case .reclaim: return .reclaimed(.failure(error))
        case .rejoin: return .registered(.failure(error))
        case .closeEarlier, .closeLost: return .closed(.failure(error))
        case .append, .reoffer: return .appended(.failure(error))
        case .sweepStreams: return .swept(.failure(error))
        case .project: return .projected(.failure(error))
        case .stopStream: return .streamStopped(.failure(error))
        }
    }

    /// What a correct instance never asks for, and what a correct database never finds.
    private func watch(_ message: Message, _ reply: Reply) {
        guard let error = reply.error else { return }
        switch error.code {
        case .corrupt: fail("\(message.words): \(error)")
        case .outOfSequence, .invalid, .notFound, .refused:
            // Of a request that a later one has overtaken, nobody waits for the answer.
            if !message.isDouble, !isOvertaken(message) { fail("\(message.words): \(error)") }
        default: break
        }
    }

    /// Whether a later operation on the lease is recorded: a double had answered this one.
    private func isOvertaken(_ message: Message) -> Bool {
        func isOld(_ sequence: Int64, _ lease: LeaseID, _ account: AccountID) -> Bool {
            let row = database.accounts[account]?.leases[lease]?.row
            return row.map { sequence < $0.opSequence } ?? false
        }
        return switch message.body {
        case .acquire(let request): isOld(request.opSequence, request.lease, request.account)
        case .giveBack(let request): isOld(request.opSequence, request.lease, request.account)
        default: false
        }
    }

    /// Gives an answer to whoever in the process waits for it.
    func take(_ reply: Reply, to message: Message, _ process: Process) {
        switch (message.body, reply) {
        case (.register, .registered(let result)):
            guard process.registerToken == message.token, process.tenure == nil else { return }
            registered(process, result)
        case (.heartbeat(_, let sentAt), .heartbeat(let result)):
            tookHeartbeat(process, result, sentAt: sentAt)
        case (.acquire(let request), .acquired(let result)):
            noteRejection(result, process)
            drive(process, request.account) { $0.completed(request, result, now: $1, tenure: $2) }
        case (.giveBack(let request), .gaveBack(let result)):
            noteRejection(result, process)
            drive(process, request.account) { $0.completed(request, result, now: $1, tenure: $2) }
        case (.reclaim(let request), .reclaimed(let result)):
            noteRejection(result, process)
            drive(process, request.account) { $0.completed(request, result, now: $1, tenure: $2) }
        case (.reoffer, .appended(let result)):
            reoffered(process, result)
        case (.rejoin(_, let sentAt), .registered(let result)):
            rejoined(process, result, sentAt: sentAt)
        case (.closeEarlier, .closed(let result)):
            if process.closeToken == message.token { closedEarlier(process, result) }
        case (.append(let shipment), .appended(let result)):
            if process.appendToken == message.token { appended(process, shipment, result) }
        case (.sweepStreams(let start), .swept(let result)):
            if process.awaitsProjection(message) { swept(process, result, startedAt: start) }
        case (.project(let targets), .projected(let result)):
            if process.awaitsProjection(message) { projected(process, targets, result) }
        case (.stopStream(let stream), .streamStopped(let result)):
            if process.awaitsProjection(message) { stopped(process, stream, result) }
        default: break
        }
    }

    private func noteRejection<Value>(_ result: Result<Value, LedgerError>, _ process: Process) {
        if case .failure(let error) = result, error.code == .superseded { supersede(process) }
    }
}

extension Reply {
    var error: LedgerError? {
        func of<Value>(_ result: Result<Value, LedgerError>) -> LedgerError? {
            if case .failure(let error) = result { error } else { nil }
        }
        return switch self {
        case .registered(let result): of(result)
        case .heartbeat(let result): of(result)
        case .acquired(let result): of(result)
        case .gaveBack(let result): of(result)
        case .reclaimed(let result): of(result)
        case .closed(let result): of(result)
        case .appended(let result): of(result)
        case .swept(let result): of(result)
        case .projected(let result): of(result)
        case .streamStopped(let result): of(result)
        }
    }

    var words: String {
        if let error { return "\(error)" }
        switch self {
        case .registered(.success(let identity)): return "epoch \(identity.epoch)"
        case .heartbeat(.success(let reply)): return "\(reply)"
        case .acquired(.success(let reply)):
            return "granted \(reply.granted)" + reply.head.words(isClosed: reply.isLeaseClosed)
        case .gaveBack(.success(let reply)):
            return "returned \(reply.returned)" + reply.head.words(isClosed: reply.isLeaseClosed)
        case .reclaimed(.success(let reply)):
            return "left \(reply.remaining)" + reply.head.words(isClosed: reply.isLeaseClosed)
        case .closed(.success(let count)): return "closed \(count)"
        case .appended(.success(let outcomes)): return "\(outcomes)"
        case .swept(.success(let behind)): return "\(behind.count) behind"
        case .projected(.success(let projected)): return "\(projected)"
        default: return "?"
        }
    }
}

extension HeadSummary {
    var words: String {
        "balance \(balance), limit \(creditLimit), escrowed \(escrowed), reserved \(reserved),"
            + " overdrawn \(overdrawn)"
    }

    fileprivate func words(isClosed: Bool) -> String {
        ", \(words)\(isClosed ? ", closed" : "")"
    }
}

extension Message {
    var words: String {
        let what =
            switch body {
            case .register: "register"
            case .heartbeat: "heartbeat"
            case .acquire(let request):
                "acquire #\(request.opSequence) \(request.least)…\(request.want)"
                    + " on \(request.lease.low % 10_000) of account \(request.account.low)"
            case .giveBack(let request):
                "\(request.closes ? "close" : "give back") #\(request.opSequence) \(request.amount)"
                    + " on \(request.lease.low % 10_000) of account \(request.account.low)"
            case .reclaim(let request):
                "reclaim #\(request.opSequence) \(request.remaining)"
                    + " on \(request.lease.low % 10_000) of account \(request.account.low)"
            case .closeEarlier: "close earlier epochs"
            case .closeLost: "close lost leases"
            case .reoffer(let shipment): "reoffer \(shipment.events.count)"
            case .rejoin: "rejoin"
            case .append(let shipment): "append \(shipment.events.count)"
            case .sweepStreams: "look for streams that are behind"
            case .project(let targets):
                "project \(targets.map { "\($0.account.low) to \($0.through)" })"
            case .stopStream(let stream): "stop the projection of account \(stream.account.low)"
            }
        return "process \(process): \(what)\(isDouble ? " (double)" : "")"
    }
}
