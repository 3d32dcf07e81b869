import Schema
import Synchronization

/// How recalls travel between instances: by notification, with a poll behind it.
extension EscrowService {
    /// What PostgreSQL notifies of recalls on.
    package static let recallChannel = "farebox_recalls"

    /// Takes a notification from `recallChannel`.
    package func recalled(_ payload: String) {
        guard let recall = LeaseRecall(payload: payload), recall.instance != identity?.instance
        else { return }
        for account in recall.accounts { escrow.recalled(account) }
    }

    /// Reads what notifications may have missed; to be called after a gap in them.
    package func readRecalls() async {
        guard let identity else { return }
        // What a poll has missed by a moment, the next one still finds.
        let age = settings.recallPollInterval * 2
        guard let accounts = try? await authority.recalled(from: identity, within: age) else {
            return
        }
        for account in accounts { escrow.recalled(account) }
    }

    func keepReadingRecalls() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: settings.recallPollInterval)
            await readRecalls()
        }
    }

    /// Sends what is to be recalled, all that has come up since the last time at once.
    ///
    /// A recall that does not get through is not repeated here: who is still short asks again.
    func keepRecalling() async {
        for await _ in outbox.bell {
            guard let identity else { continue }
            try? await authority.recall(outbox.takeAll(), by: identity)
            if Task.isCancelled { return }
        }
    }
}

/// Accounts that are to be recalled, until the one sender takes them.
final class RecallOutbox: Sendable {
    /// Rings once for however many were added since.
    let bell: AsyncStream<Void>
    private let ring: AsyncStream<Void>.Continuation
    private let accounts = Mutex<Set<AccountID>>([])

    init() {
        (bell, ring) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func add(_ account: AccountID) {
        accounts.withLock { _ = $0.insert(account) }
        ring.yield()
    }

    func takeAll() -> [AccountID] {
        accounts.withLock { accounts in
            defer { accounts = [] }
            return accounts.sorted()
        }
    }
}

/// What one instance tells the others: the accounts that it is short of.
struct LeaseRecall: Hashable, Sendable {
    /// So many identifiers stay below the 8 000 bytes of a payload.
    static let accountsMax = 200

    let instance: InstanceID
    let accounts: [AccountID]

    init(instance: InstanceID, accounts: [AccountID]) {
        self.instance = instance
        self.accounts = accounts
    }

    /// Reads `instance account…`; nil for anything else.
    init?(payload: String) {
        let words = payload.split(separator: " ")
        guard let first = words.first, let instance = InstanceID(String(first)) else { return nil }
        let accounts = words.dropFirst().compactMap { AccountID(String($0)) }
        guard accounts.count == words.count - 1 else { return nil }
        self.init(instance: instance, accounts: accounts)
    }

    var payload: String {
        ([instance.description] + accounts.map(\.description)).joined(separator: " ")
    }
}
