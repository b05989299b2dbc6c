/// What one thread sends another.
open class Message {
    public init() {}

    /// Called on the thread of the receiving worker.
    open func deliver(on worker: Worker) {}
}
