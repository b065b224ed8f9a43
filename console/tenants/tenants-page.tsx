/** The tenants. */
import { PageFrame } from "../page/page.tsx";
export const Page = () => <PageFrame title="Tenants">.</PageFrame>;
