declare global {
  namespace App {
    /** What an error page may show: the thing, the reason and the next step. */
    interface Error {
      message: string;
      nextStep?: string;
    }
  }
}

export {};
