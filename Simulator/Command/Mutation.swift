/// One rule broken on purpose: the checks are worth what they find.
///
/// Each is a fault of the simulator's own model or driver; the product has no such switch.
enum Mutation: String, CaseIterable {
    // Of the driver: a step that the product takes is omitted, or taken too early.
    case forgetsInterrupted = "forgets-interrupted"
    case leavesBeforeDraft = "leaves-before-draft"
    case answersBeforeEnd = "answers-before-end"
    case marksBeforeAppend = "marks-before-append"
    case chargesBeyondHold = "charges-beyond-hold"
    case neverSweeps = "never-sweeps"
    case neverTellsShipped = "never-tells-shipped"
    case closesBeforeShipping = "closes-before-shipping"
    case marksAfterReoffer = "marks-after-reoffer"
    case outlivesItsSuccessor = "outlives-its-successor"
    case holdsBesideCaps = "holds-beside-caps"
    case chargesUncappedToCaps = "charges-uncapped-to-caps"
    case neverWithdraws = "never-withdraws"
    case neverSweepsStreams = "never-sweeps-streams"

    // Of the database: a rule is broken in what it keeps or says.
    case appendsTwice = "appends-twice"
    case skipsVersion = "skips-version"
    case miscountsBalance = "miscounts-balance"
    case settlesBesideEscrow = "settles-beside-escrow"
    case grantsWhatIsEscrowed = "grants-what-is-escrowed"
    case grantsRepeats = "grants-repeats"
    case understatesBalance = "understates-balance"
    case releasesEarly = "releases-early"
    case acceptsCopies = "accepts-copies"
    case grantsLeasedCaps = "grants-leased-caps"
    case forgetsSpending = "forgets-spending"
    case settlesBesideCaps = "settles-beside-caps"
    case withdrawsWhatIsHeld = "withdraws-what-is-held"
    case leasesWhatIsKept = "leases-what-is-kept"
    case chargesTheLate = "charges-the-late"
    case projectsTwice = "projects-twice"
}
