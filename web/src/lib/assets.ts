// Assets and those who name them. Pure.

/** The DAGs of a list of tasks or DAGs, each once, in their order. */
export const dagsOf = (of: readonly { dag_id: string }[]): readonly string[] => [...new Set(of.map((one) => one.dag_id))];
