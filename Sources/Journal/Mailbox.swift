import Glibc

/// A bounded queue from any thread to one thread that sleeps while it is empty.
///
/// `@unchecked Sendable`: every property but the primitives themselves is guarded by `mutex`.
final class Mailbox<Letter: Sendable>: @unchecked Sendable {
    /// What became of a letter.
    enum Receipt {
        case posted
        case full
        case closed
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let arrival: UnsafeMutablePointer<pthread_cond_t>
    private let letterCountMax: Int
    private var letters: [Letter] = []
    private var isReaderAsleep = false
    private var isClosed = false
    private var isReaderGone = false

    init(letterCountMax: Int) {
        self.letterCountMax = letterCountMax
        mutex = .allocate(capacity: 1)
        arrival = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(arrival, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(arrival)
        pthread_mutex_destroy(mutex)
        arrival.deallocate()
        mutex.deallocate()
    }

    /// Adds a letter; wakes the reader only when it sleeps, so once per batch.
    ///
    /// - Parameter wakes: false lets the reader sleep on until `wake`, for a batch to grow.
    func post(_ letter: Letter, wakes: Bool = true) -> Receipt {
        pthread_mutex_lock(mutex)
        guard !isClosed, letters.count < letterCountMax else {
            let receipt: Receipt = isClosed ? .closed : .full
            pthread_mutex_unlock(mutex)
            return receipt
        }
        letters.append(letter)
        let mustSignal = wakes && isReaderAsleep
        if mustSignal { isReaderAsleep = false }
        pthread_mutex_unlock(mutex)
        if mustSignal { pthread_cond_signal(arrival) }
        return .posted
    }

    /// Wakes the reader if it sleeps on letters that were posted without waking it.
    func wake() {
        pthread_mutex_lock(mutex)
        let mustSignal = isReaderAsleep && !letters.isEmpty
        if mustSignal { isReaderAsleep = false }
        pthread_mutex_unlock(mutex)
        if mustSignal { pthread_cond_signal(arrival) }
    }

    /// Adds a letter past every limit and refuses those after it, but for its like.
    ///
    /// False when the reader is gone, so that nobody would read it.
    func postLast(_ letter: Letter) -> Bool {
        pthread_mutex_lock(mutex)
        let isRead = !isReaderGone
        if isRead { letters.append(letter) }
        isClosed = true
        isReaderAsleep = false
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(arrival)
        return isRead
    }

    /// Refuses further letters; those posted before are still read.
    func close() {
        pthread_mutex_lock(mutex)
        isClosed = true
        isReaderAsleep = false
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(arrival)
    }

    /// Waits for letters and swaps all of them into `batch`, which must be empty.
    ///
    /// With a timeout in milliseconds it may come back with none. False after the last letter
    /// of a closed mailbox.
    func take(into batch: inout [Letter], timeoutMilliseconds: Int?) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var deadline = timespec()
        if let timeoutMilliseconds {
            clock_gettime(CLOCK_MONOTONIC, &deadline)
            let nanoseconds = deadline.tv_nsec + timeoutMilliseconds % 1_000 * 1_000_000
            deadline.tv_sec += timeoutMilliseconds / 1_000 + nanoseconds / 1_000_000_000
            deadline.tv_nsec = nanoseconds % 1_000_000_000
        }
        while letters.isEmpty, !isClosed {
            isReaderAsleep = true
            if timeoutMilliseconds == nil {
                pthread_cond_wait(arrival, mutex)
            } else if pthread_cond_timedwait(arrival, mutex, &deadline) == ETIMEDOUT {
                isReaderAsleep = false
                break
            }
        }
        swap(&letters, &batch)
        isReaderGone = batch.isEmpty && isClosed
        return !isReaderGone
    }
}
