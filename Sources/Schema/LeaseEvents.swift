/// A lease that its instance can no longer answer for, closed by another.
///
/// What it had left is free credit again. Usage of it that comes later settles against that, and
/// what no longer fits there is excess: `bound` is the most that the operator may have lost.
package struct LeaseLost: Hashable, Sendable {
    package let lease: LeaseID
    package let instance: InstanceID
    package let epoch: Int64
    /// What the lease had left when it was closed; zero or above.
    package let bound: Pico

    package init(lease: LeaseID, instance: InstanceID, epoch: Int64, bound: Pico) {
        self.lease = lease
        self.instance = instance
        self.epoch = epoch
        self.bound = bound
    }
}
