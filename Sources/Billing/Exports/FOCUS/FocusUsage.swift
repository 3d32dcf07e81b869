import Ledger
import Schema

/// Calls of a day summed up by what FOCUS tells apart, until there are too many groups to hold.
///
/// FOCUS leaves the length of a charge's period open. A day is what its users compare, forecast
/// and share costs by; coarser rows would hide the day on which costs rose, finer ones are many.
struct FocusUsage {
    /// Groups that are held at most, so that memory stays flat: a group that is split has two rows.
    static let groupsMax = 20_000

    struct Group: Hashable {
        let period: FocusPeriod
        let project: ProjectID
        let key: KeyID
        let upstream: String
        let call: FocusCall
        /// Whether the calls occurred in a month that was billed already.
        let isLate: Bool
    }

    struct Sum {
        var calls: Int64 = 0
        var tokens = TokenUsage()
        var webSearches: Int64 = 0
        var charge = Pico.zero
        /// What of `charge` paid grants and promotional ones have covered.
        var paid = Pico.zero
        var promotional = Pico.zero
    }

    private(set) var sums: [Group: Sum] = [:]

    var isFull: Bool { sums.count >= Self.groupsMax }

    /// Adds a call, of which `event` has what it was paid with.
    mutating func add(_ usage: Usage, _ event: BookedEvent, on period: FocusPeriod) {
        let group = Group(
            period: period,
            project: usage.project,
            key: usage.key,
            upstream: usage.upstream,
            call: FocusCall(
                model: usage.model,
                priceVersion: usage.priceVersion.number,
                serviceTier: usage.serviceTier,
                contextThreshold: usage.contextTier.threshold
            ),
            isLate: event.serviceMonth < event.month
        )
        let cover = event.cover
        sums[group, default: Sum()].add(usage, charge: -event.amount, cover)
    }

    /// Takes out all groups, in the order of their days.
    mutating func take() -> [(group: Group, sum: Sum)] {
        defer { sums = [:] }
        return sums.sorted { $0.key.order < $1.key.order }.map { ($0.key, $0.value) }
    }
}

extension FocusUsage.Group {
    fileprivate var order: (FocusPeriod, ProjectID, KeyID, String, String, Int64) {
        (period, project, key, call.model, upstream + call.serviceTier.rawValue, number)
    }

    private var number: Int64 { call.priceVersion << 32 | Int64(call.contextThreshold) }
}

extension FocusUsage.Sum {
    fileprivate mutating func add(
        _ usage: Usage,
        charge: Pico,
        _ cover: (paid: Pico, promotional: Pico)
    ) {
        calls += 1
        for tokenClass in TokenClass.allCases {
            tokens[tokenClass] += usage.tokens[tokenClass]
        }
        webSearches += usage.webSearches
        self.charge += charge
        paid += cover.paid
        promotional += cover.promotional
    }
}

extension BookedEvent {
    /// What of a call's charge grants have covered, those that burn first first.
    ///
    /// More is burned only for what an earlier, forced event left unpaid.
    var cover: (paid: Pico, promotional: Pico) {
        var (left, paid, promotional) = (-amount, Pico.zero, Pico.zero)
        for part in burned {
            let amount = min(left, part.amount)
            left -= amount
            if part.kind == .paid { paid += amount } else { promotional += amount }
        }
        return (paid, promotional)
    }
}
